// Draws plans, and compares each step bit for bit with the same found on another way:
// `fuzz_plan [rounds] [first seed]`. A round that fails says its seed, which draws it again.
#include <csignal>
#include <cstdio>
#include <cstdlib>

#include "fuzz/failure.hpp"
#include "fuzz/round.hpp"

// What AddressSanitizer and ThreadSanitizer are told to call at the end, and what UndefinedBehaviorSanitizer
// calls by itself.
// NOLINTBEGIN(bugprone-reserved-identifier): the names are theirs
#if defined(__linux__)
extern "C" [[gnu::weak]] void __sanitizer_set_death_callback(void (*)());
extern "C" [[gnu::visibility("default")]] void __ubsan_on_report();
extern "C" void __ubsan_on_report() { driver::fuzz::say_seed(); }
#endif
// NOLINTEND(bugprone-reserved-identifier)

namespace {

// Lets a process that a sanitizer or a signal ends say the seed first.
void say_seed_at_death() {
#if defined(__linux__)
    if (__sanitizer_set_death_callback) return __sanitizer_set_death_callback(&driver::fuzz::say_seed);
#endif
    for (const int number : {SIGSEGV, SIGABRT, SIGFPE}) {
        std::signal(number, [](int) {
            driver::fuzz::say_seed();
            std::_Exit(1);
        });
    }
}

}  // namespace

int main(int argc, char** argv) {
    using namespace driver::fuzz;
    say_seed_at_death();
    const long rounds = argc > 1 ? std::atol(argv[1]) : 400;
    const auto first = std::uint64_t(argc > 2 ? std::strtoull(argv[2], nullptr, 10) : 1);
    for (current_seed = first; current_seed < first + std::uint64_t(rounds); ++current_seed) {
        Round(current_seed).take_steps();
    }
    std::printf("fuzz: %ld drawn plans gave the bits of the same on another way\n", rounds);
}
