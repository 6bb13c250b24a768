// How much of a step an element takes, as tile operations; python/fastopt/algorithm/portions.py is the same
// in Python.
#pragma once
#include "kernels/fetch.hpp"
#include "kernels/kernel.hpp"

namespace fastopt::FASTOPT_LEVEL {

// The step from `old` to p, multiplied; of neither 0 nor 1 is anything computed, so that NaN and infinity
// stay where they are.
struct Scaled {
    template <class T> static T of(T p, T old, T scale) {
        const T part = old + scale * (p - old);
        const T most = scale == T(1) ? p : part;
        return scale == T(0) ? old : most;
    }
    template <class T> static bool is_all(T scale) { return scale == T(1); }
};

// All of it, or nothing where the entry is 0.
struct Held {
    template <class T, class Entry> static T of(T p, T old, Entry entry) {
        return entry == Entry(0) ? old : p;
    }
    template <class Entry> static bool is_all(Entry entry) { return entry != Entry(0); }
};

template <class Operation, class T, class Entry>
void take_portion(void* p_given, const void* old_given, const void* entries_given, std::ptrdiff_t step,
                  std::ptrdiff_t n, bool ahead) noexcept {
    T* __restrict p = static_cast<T*>(p_given);
    const T* __restrict old = static_cast<const T*>(old_given);
    const Entry* __restrict entries = static_cast<const Entry*>(entries_given);
    if (step == 0) {
        const Entry entry = *entries;
        if (Operation::is_all(entry)) return;
#pragma omp simd
        for (std::ptrdiff_t i = 0; i < n; ++i) p[i] = Operation::of(p[i], old[i], entry);
        return;
    }
    if (ahead) fetch_ahead(entries, n);
#pragma omp simd
    for (std::ptrdiff_t i = 0; i < n; ++i) p[i] = Operation::of(p[i], old[i], entries[i]);
}

}  // namespace fastopt::FASTOPT_LEVEL
