// Sums over a block of elements, with the same bits on every level: element i belongs to lane i % 32, a
// lane adds from the left in double, the lanes are added by halves. python/fastopt/numerics/sums.py is the same
// text in Python.
#pragma once
#include <cstddef>

#include "kernels/arithmetic.hpp"
#include "kernels/kernel.hpp"

namespace fastopt::FASTOPT_LEVEL {

#if defined(__AVX512F__)
constexpr std::ptrdiff_t lanes_in_register = 8;
#elif defined(__AVX__)
constexpr std::ptrdiff_t lanes_in_register = 4;
#else
constexpr std::ptrdiff_t lanes_in_register = 2;
#endif
constexpr std::ptrdiff_t registers = lane_count / lanes_in_register;

typedef double Lanes __attribute__((vector_size(lanes_in_register * sizeof(double))));
template <class T> struct PartOf {
    typedef T Vector __attribute__((vector_size(lanes_in_register * sizeof(T))));
};

// Elements in several lanes at once.
template <class T> struct Elements {
    const T* x;

    Lanes operator()(std::ptrdiff_t i) const {
        typename PartOf<T>::Vector vector;
        __builtin_memcpy(&vector, x + i, sizeof vector);
        return __builtin_convertvector(vector, Lanes);
    }
    // Of one stream alone, some processors could read more than they fetch by themselves.
    void fetch_ahead(std::ptrdiff_t i) const {
        const char* ahead = reinterpret_cast<const char*>(x + i) + 8192;
        for (std::size_t line = 0; line < lane_count * sizeof(T); line += 64) {
            __builtin_prefetch(ahead + line);
        }
    }
};
template <class T> struct Differences {
    Elements<T> a, b;

    Lanes operator()(std::ptrdiff_t i) const { return a(i) - b(i); }
};

// Adds as many elements as there are lanes, or their squares.
template <bool squares, class Some>
[[gnu::always_inline]] inline void add(Lanes (&lanes)[registers], const Some& some, std::ptrdiff_t begin = 0) {
#pragma GCC unroll 16
    for (std::ptrdiff_t r = 0; r < registers; ++r) {
        const Lanes x = some(begin + r * lanes_in_register);
        lanes[r] += squares ? x * x : x;
    }
}

inline double folded(double* lanes) noexcept {
    for (std::ptrdiff_t half = lane_count / 2; half > 0; half /= 2) {
        for (std::ptrdiff_t k = 0; k < half; ++k) lanes[k] += lanes[k + half];
    }
    return lanes[0];
}

// Adds to lanes in memory what `some` gives for several elements at once, and `one` for one, or the squares; before
// it reads some, it calls `fetch`.
template <bool squares, class Some, class One, class Fetch>
[[gnu::always_inline]] inline void add_all(double* to, std::ptrdiff_t n, const Some& some, const One& one,
                                           const Fetch& fetch) {
    Lanes lanes[registers];
    __builtin_memcpy(lanes, to, sizeof lanes);
    const std::ptrdiff_t whole = n / lane_count * lane_count;
    for (std::ptrdiff_t i = 0; i < whole; i += lane_count) {
        fetch(i);
        add<squares>(lanes, some, i);
    }
    __builtin_memcpy(to, lanes, sizeof lanes);
    for (std::ptrdiff_t i = whole; i < n; ++i) to[i - whole] += squares ? one(i) * one(i) : one(i);
}

template <bool squares, class Some, class One, class Fetch>
[[gnu::always_inline]] inline double sum(std::ptrdiff_t n, const Some& some, const One& one, const Fetch& fetch) {
    double lanes[lane_count] = {};
    add_all<squares>(lanes, n, some, one, fetch);
    return folded(lanes);
}

template <class T>
void add_to_lanes(const void* given, std::ptrdiff_t n, Summed what, double* lanes) noexcept {
    const T* x = static_cast<const T*>(given);
    const auto one = [x](std::ptrdiff_t i) { return double(x[i]); };
    const auto fetch = [](std::ptrdiff_t) {};
    if (what == Summed::squares) {
        add_all<true>(lanes, n, Elements<T>{x}, one, fetch);
    } else {
        add_all<false>(lanes, n, Elements<T>{x}, one, fetch);
    }
}

template <class T>
double sum_of_squares(const void* given, std::ptrdiff_t n, bool fetch_ahead) noexcept {
    const T* x = static_cast<const T*>(given);
    const Elements<T> some{x};
    const auto one = [x](std::ptrdiff_t i) { return double(x[i]); };
    if (fetch_ahead) return sum<true>(n, some, one, [some](std::ptrdiff_t i) { some.fetch_ahead(i); });
    return sum<true>(n, some, one, [](std::ptrdiff_t) {});
}

template <class T> double sum_of_values(const void* given, std::ptrdiff_t n) noexcept {
    const T* x = static_cast<const T*>(given);
    const auto one = [x](std::ptrdiff_t i) { return double(x[i]); };
    return sum<false>(n, Elements<T>{x}, one, [](std::ptrdiff_t) {});
}

// To so many numbers one element each, or all to one.
template <class T> void add_each(double* to, const void* given, std::ptrdiff_t n) noexcept {
    const T* x = static_cast<const T*>(given);
#pragma omp simd
    for (std::ptrdiff_t i = 0; i < n; ++i) to[i] += double(x[i]);
}
template <class T> void raise_each(double* to, const void* given, std::ptrdiff_t n) noexcept {
    const T* x = static_cast<const T*>(given);
#pragma omp simd
    for (std::ptrdiff_t i = 0; i < n; ++i) to[i] = maximum(to[i], double(x[i]));
}
template <class T> void raise_one(double* to, const void* given, std::ptrdiff_t n) noexcept {
    const T* x = static_cast<const T*>(given);
    for (std::ptrdiff_t i = 0; i < n; ++i) *to = maximum(*to, double(x[i]));
}

template <class T>
double sum_of_differences(const void* first, const void* second, std::ptrdiff_t n) noexcept {
    const T* a = static_cast<const T*>(first);
    const T* b = static_cast<const T*>(second);
    const Differences<T> some{{a}, {b}};
    const auto one = [a, b](std::ptrdiff_t i) { return double(a[i]) - double(b[i]); };
    return sum<true>(n, some, one, [](std::ptrdiff_t) {});    // both have just been used
}

}  // namespace fastopt::FASTOPT_LEVEL
