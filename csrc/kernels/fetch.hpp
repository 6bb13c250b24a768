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

// The same for so many elements that are read alone, of which more can be under way.
template <class T> constexpr std::ptrdiff_t fetched = 512 / std::ptrdiff_t(sizeof(T));
constexpr std::ptrdiff_t bytes_ahead_to_read = 8192;

template <class T> [[gnu::always_inline]] inline void fetch_to_read(const T* x) {
    const char* ahead = reinterpret_cast<const char*>(x) + bytes_ahead_to_read;
    for (std::ptrdiff_t line = 0; line < fetched<T> * std::ptrdiff_t(sizeof(T)); line += 64) {
        __builtin_prefetch(ahead + line);
    }
}

}  // namespace fastopt::FASTOPT_LEVEL
