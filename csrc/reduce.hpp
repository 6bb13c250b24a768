// Sums over a block of elements, with the same bits on every level: element i belongs to lane i % 16, a
// lane adds from the left in double, the lanes are added by halves. python/fastopt/reduce.py is the same
// text in Python.
#pragma once
#include <cstddef>

namespace fastopt::FASTOPT_LEVEL {

template <class Term> [[gnu::always_inline]] inline double sum(std::ptrdiff_t n, const Term& term) {
    constexpr std::ptrdiff_t count = 16;
    double lanes[count] = {};
    const std::ptrdiff_t whole = n / count * count;
    for (std::ptrdiff_t i = 0; i < whole; i += count) {
#pragma omp simd
        for (std::ptrdiff_t k = 0; k < count; ++k) lanes[k] += term(i + k);
    }
    for (std::ptrdiff_t i = whole; i < n; ++i) lanes[i - whole] += term(i);
    for (std::ptrdiff_t half = count / 2; half > 0; half /= 2) {
        for (std::ptrdiff_t k = 0; k < half; ++k) lanes[k] += lanes[k + half];
    }
    return lanes[0];
}

template <class T> double sum_of_squares(const void* elements, std::ptrdiff_t n) noexcept {
    const T* x = static_cast<const T*>(elements);
    return sum(n, [x](std::ptrdiff_t i) { return double(x[i]) * double(x[i]); });
}

template <class T>
double sum_of_differences(const void* first, const void* second, std::ptrdiff_t n) noexcept {
    const T* a = static_cast<const T*>(first);
    const T* b = static_cast<const T*>(second);
    return sum(n, [a, b](std::ptrdiff_t i) {
        const double d = double(a[i]) - double(b[i]);
        return d * d;
    });
}

}  // namespace fastopt::FASTOPT_LEVEL
