// Draws plans, and compares each step bit for bit with the same found on another way:
// `fuzz_plan [rounds] [first seed]`. A round that fails says its seed, which draws it again.
#include <csignal>
#include <cstdio>
#include <cstdlib>

#include "fuzz/failure.hpp"
#include "fuzz/round.hpp"

// What a sanitizer calls before it ends the process, where there is one.
extern "C" [[gnu::weak]] void __sanitizer_set_death_callback(void (*)());

int main(int argc, char** argv) {
    using namespace driver::fuzz;
    if (__sanitizer_set_death_callback) {
        __sanitizer_set_death_callback(&say_seed);
    } else {
        for (const int number : {SIGSEGV, SIGABRT, SIGFPE}) {
            std::signal(number, [](int) {
                say_seed();
                std::_Exit(1);
            });
        }
    }
    const long rounds = argc > 1 ? std::atol(argv[1]) : 400;
    const auto first = std::uint64_t(argc > 2 ? std::strtoull(argv[2], nullptr, 10) : 1);
    for (current_seed = first; current_seed < first + std::uint64_t(rounds); ++current_seed) {
        Round(current_seed).take_steps();
    }
    std::printf("fuzz: %ld drawn plans gave the bits of the same on another way\n", rounds);
}
