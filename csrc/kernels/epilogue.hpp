// What follows the rule: the pull towards slow weights, the average of the parameters, their copy in 16
// bits, and gradients of zero. Fused with the rule in the loop, in one combination, or by themselves on a
// stretch of elements that is still in the cache.
#pragma once
#include "kernels/convert.hpp"
#include "kernels/kernel.hpp"

namespace fastopt::FASTOPT_LEVEL {

// Fetches what a loop will read next, where that is far away: some processors' own prefetching keeps up
// with a few streams alone, and starts anew with every page; see plan/prefetch_trial.hpp. In the cache
// it costs.
constexpr std::ptrdiff_t bytes_ahead = 2048;
template <class T> [[gnu::always_inline]] inline void fetch_ahead(const T* x, std::ptrdiff_t count) {
    const char* ahead = reinterpret_cast<const char*>(x) + bytes_ahead;
    for (std::ptrdiff_t line = 0; line < count * std::ptrdiff_t(sizeof(T)); line += 64) {
        __builtin_prefetch(ahead + line, 1);
    }
}

struct NoEpilogue {
    NoEpilogue at(std::ptrdiff_t) const { return {}; }
    void fetch(std::ptrdiff_t, std::ptrdiff_t) const {}
    template <class T> void operator()(std::ptrdiff_t, T) const {}
};

template <class T> struct FullEpilogue {
    T keep, take;
    T* average;
    BFloat16* copy;
    T* zero;    // may be the gradient: it has been read

    explicit FullEpilogue(const Everything& given)
        : keep(static_cast<T>(given.keep)),
          take(static_cast<T>(given.take)),
          average(static_cast<T*>(given.average)),
          copy(static_cast<BFloat16*>(given.copy)),
          zero(static_cast<T*>(given.zero)) {}

    FullEpilogue at(std::ptrdiff_t i) const {
        FullEpilogue moved = *this;
        moved.average += i;
        moved.copy += i;
        moved.zero += i;
        return moved;
    }
    void fetch(std::ptrdiff_t i, std::ptrdiff_t count) const {
        fetch_ahead(average + i, count);
        fetch_ahead(copy + i, count);
    }
    void operator()(std::ptrdiff_t i, T p) const {
        average[i] = keep * average[i] + take * p;
        copy[i] = narrowed<BFloat16>(p);
        zero[i] = T(0);
    }
};

template <class T>
void pull(void* p, void* slow, std::ptrdiff_t n, double keep, double take) noexcept {
    T* __restrict fast = static_cast<T*>(p);
    T* __restrict s = static_cast<T*>(slow);
    const T kept = static_cast<T>(keep), taken = static_cast<T>(take);
#pragma omp simd
    for (std::ptrdiff_t i = 0; i < n; ++i) fast[i] = s[i] = kept * s[i] + taken * fast[i];
}

template <class T>
void average(void* average, const void* p, std::ptrdiff_t n, double keep, double take) noexcept {
    T* __restrict e = static_cast<T*>(average);
    const T* __restrict from = static_cast<const T*>(p);
    const T kept = static_cast<T>(keep), taken = static_cast<T>(take);
#pragma omp simd
    for (std::ptrdiff_t i = 0; i < n; ++i) e[i] = kept * e[i] + taken * from[i];
}

template <class T, class To> void narrow(void* copy, const void* p, std::ptrdiff_t n) noexcept {
    To* __restrict to = static_cast<To*>(copy);
    const T* __restrict from = static_cast<const T*>(p);
#pragma omp simd
    for (std::ptrdiff_t i = 0; i < n; ++i) to[i] = narrowed<To>(from[i]);
}

}  // namespace fastopt::FASTOPT_LEVEL
