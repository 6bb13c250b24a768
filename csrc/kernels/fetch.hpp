// Fetches what a loop will read next, where that is far away: some processors' own prefetching keeps up
// with a few streams alone, and starts anew with every page; see plan/prefetch_trial.hpp. In the cache
// it costs.
#pragma once
#include <cstddef>

#include "kernels/arithmetic.hpp"

namespace fastopt::FASTOPT_LEVEL {

constexpr std::ptrdiff_t bytes_ahead = 2048;

template <class T> [[gnu::always_inline]] inline void fetch_ahead(const T* x, std::ptrdiff_t count) {
    const char* ahead = reinterpret_cast<const char*>(x) + bytes_ahead;
    for (std::ptrdiff_t line = 0; line < count * std::ptrdiff_t(sizeof(T)); line += 64) {
        __builtin_prefetch(ahead + line, 1);
    }
}

}  // namespace fastopt::FASTOPT_LEVEL
