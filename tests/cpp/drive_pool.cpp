// Drives the thread pool: `drive_pool [divisor]`, which for valgrind makes the long parts shorter. When it
// ends, workers are asleep or look out for a step.
#include <cstdio>
#include <cstdlib>

#include "parts.hpp"

int main(int argc, char** argv) {
    std::setvbuf(stdout, nullptr, _IOLBF, BUFSIZ);    // a forked child would say it again
    driver::divisor = argc > 1 ? std::atoi(argv[1]) : 1;
    driver::pool();
    driver::processes();
    driver::parallel();    // last, as it makes as many workers as there can be
}
