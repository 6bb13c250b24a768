// Sums over a block of elements, with the same bits on every level: element i belongs to lane i % 16, a
// lane adds from the left in double, the lanes are added by halves. python/fastopt/reduce.py is the same
// text in Python.
#pragma once
#include <cstddef>

namespace fastopt::FASTOPT_LEVEL {

template <class T> double sum_of_squares(const void* elements, std::ptrdiff_t n) noexcept {
    constexpr std::ptrdiff_t count = 16;
    const T* x = static_cast<const T*>(elements);
    double lanes[count] = {};
    for (; n >= count; n -= count, x += count) {
#pragma omp simd
        for (std::ptrdiff_t k = 0; k < count; ++k) lanes[k] += double(x[k]) * double(x[k]);
    }
    for (std::ptrdiff_t k = 0; k < n; ++k) lanes[k] += double(x[k]) * double(x[k]);
    for (std::ptrdiff_t half = count / 2; half > 0; half /= 2) {
        for (std::ptrdiff_t k = 0; k < half; ++k) lanes[k] += lanes[k + half];
    }
    return lanes[0];
}

}  // namespace fastopt::FASTOPT_LEVEL
