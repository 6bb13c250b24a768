// What follows the rule on a stretch of elements that is still in the cache: the average of the
// parameters and their copy in 16 bits.
#pragma once
#include "convert.hpp"

namespace fastopt::FASTOPT_LEVEL {

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
