// The end of a round that fails: what was not so, and the seed that draws the same round again.
#pragma once
#include <cinttypes>
#include <cstdint>
#include <cstdio>
#include <cstdlib>

namespace driver::fuzz {

// Of the round that is being taken.
inline std::uint64_t current_seed = 0;

inline void say_seed() {
    std::fprintf(stderr, "this was seed %" PRIu64 ": again by `fuzz_plan 1 %" PRIu64 "`\n", current_seed,
                 current_seed);
}

template <class... Detail> [[noreturn]] void fail(const char* what, Detail... detail) {
    std::fprintf(stderr, what, detail...);
    std::fputc('\n', stderr);
    say_seed();
    std::_Exit(1);
}

}  // namespace driver::fuzz
