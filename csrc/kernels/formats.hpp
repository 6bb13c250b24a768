// The formats of elements, and conversions between them, element by element and exact: what is rounded is
// rounded to nearest, ties to even. python/fastopt/numerics/formats.py is the same in Python.
#pragma once

// All of them, in the order of FORMATS there: the name that NumPy or ml_dtypes has for it, the type, which for
// float16 and bfloat16 is their bits, and its bytes. Parameters and their states have one of the first two,
// which are computed in; gradients can be cast from all, and copies have the others.
#define FASTOPT_FORMATS(each)                                      \
    each(float32, float, 4) each(float64, double, 8)               \
    each(float16, Float16, 2) each(bfloat16, BFloat16, 2)

#ifdef FASTOPT_LEVEL    // which is compiled: the plan knows formats by their numbers
#include <cstddef>
#include <cstdint>
#if defined(__F16C__)
#include <immintrin.h>
#endif

#include "kernels/arithmetic.hpp"

namespace fastopt::FASTOPT_LEVEL {

template <class To, class From> inline To bits_as(From from) {
    static_assert(sizeof(To) == sizeof(From));
    To to;
    __builtin_memcpy(&to, &from, sizeof to);
    return to;
}

struct BFloat16 {
    std::uint16_t bits;
};
struct Float16 {
    std::uint16_t bits;
};

inline float widened(BFloat16 x) { return bits_as<float>(std::uint32_t(x.bits) << 16); }

// Exponent and fraction are shifted to their places and the exponent is moved to float's bias: once more
// for infinity and NaN, and by a subtraction for subnormals.
inline float widened(Float16 x) {
    const std::uint32_t exponent_mask = 0x7c00u << 13;
    const std::uint32_t shifted = std::uint32_t(x.bits & 0x7fff) << 13;
    const std::uint32_t exponent = shifted & exponent_mask;
    const std::uint32_t normal = shifted + (112u << 23);
    const std::uint32_t special = normal + (112u << 23);
    const float subnormal = bits_as<float>(normal + (1u << 23)) - bits_as<float>(113u << 23);
    const std::uint32_t magnitude = exponent == exponent_mask ? special
                                    : exponent == 0           ? bits_as<std::uint32_t>(subnormal)
                                                              : normal;
    return bits_as<float>(magnitude | std::uint32_t(x.bits & 0x8000) << 16);
}
inline float widened(float x) { return x; }
inline double widened(double x) { return x; }

// Of NaN the sign stays, and of its other bits the first. As a choice of float's bits it is a vector's; a
// choice between results of 16 bits is not, at half the speed.
inline std::uint32_t with_plain_nan(float x) {
    const auto bits = bits_as<std::uint32_t>(x);
    return x == x ? bits : (bits & 0x80000000) | 0x7fc00000;
}

inline BFloat16 narrowed_to(float x, BFloat16) {
    const std::uint32_t bits = with_plain_nan(x);
    return {std::uint16_t((bits + 0x7fff + ((bits >> 16) & 1)) >> 16)};
}

inline Float16 narrowed_to(float x, Float16) {
    const auto bits = bits_as<std::uint32_t>(x);
    const std::uint32_t sign = bits >> 16 & 0x8000, magnitude = bits & 0x7fffffff;
    // Adding one half moves what is below float16's normal range so that its last bit is float's.
    const std::uint32_t subnormal =
        bits_as<std::uint32_t>(bits_as<float>(magnitude) + 0.5f) - bits_as<std::uint32_t>(0.5f);
    const std::uint32_t normal = (magnitude - (112u << 23) + 0xfff + (magnitude >> 13 & 1)) >> 13;
    const std::uint32_t special = magnitude > 0x7f800000 ? 0x7e00 : 0x7c00;
    const std::uint32_t found = magnitude >= 0x47800000   ? special
                                : magnitude < 0x38800000 ? subnormal
                                                         : normal;
    return {std::uint16_t(found | sign)};
}

// A double goes to bfloat16 by way of float, as in ml_dtypes. On its way to float16 it is rounded to odd,
// so that what float has no room for still counts: the outcome is rounded once, as in NumPy.
inline BFloat16 narrowed_to(double x, BFloat16 to) { return narrowed_to(static_cast<float>(x), to); }

inline Float16 narrowed_to(double x, Float16) {
    const auto nearest = static_cast<float>(x);
    const auto bits = bits_as<std::uint32_t>(nearest);
    const auto found = static_cast<double>(nearest);
    const std::uint32_t beyond = __builtin_fabs(found) > __builtin_fabs(x);
    const std::uint32_t odd = (bits - beyond) | 1;
    return narrowed_to(bits_as<float>(found == x ? bits : odd), Float16{});
}

template <class To, class From> inline void narrow_all(To* to, const From* from, std::ptrdiff_t n) {
#pragma omp simd
    for (std::ptrdiff_t i = 0; i < n; ++i) to[i] = narrowed_to(from[i], To{});
}

template <class From> inline void widen_all(float* __restrict to, const From* from, std::ptrdiff_t n) {
#pragma omp simd
    for (std::ptrdiff_t i = 0; i < n; ++i) to[i] = widened(from[i]);
}

#if defined(__F16C__)
// The processor's own conversions, eight at once; they would keep more of NaN's bits, or make it quiet.
inline void widen_all(float* __restrict to, const Float16* from, std::ptrdiff_t n) {
    std::ptrdiff_t i = 0;
    for (; i + 8 <= n; i += 8) {
        const __m128i some = _mm_loadu_si128(reinterpret_cast<const __m128i*>(from + i));
        _mm256_storeu_ps(to + i, _mm256_cvtph_ps(some));
    }
    for (; i < n; ++i) to[i] = widened(from[i]);
}

inline void narrow_all(Float16* to, const float* from, std::ptrdiff_t n) {
    std::ptrdiff_t i = 0;
    for (; i + 8 <= n; i += 8) {
        float plain[8];
#pragma omp simd
        for (int k = 0; k < 8; ++k) plain[k] = bits_as<float>(with_plain_nan(from[i + k]));
        const __m128i found = _mm256_cvtps_ph(_mm256_loadu_ps(plain), _MM_FROUND_TO_NEAREST_INT);
        _mm_storeu_si128(reinterpret_cast<__m128i*>(to + i), found);
    }
    for (; i < n; ++i) to[i] = narrowed_to(from[i], Float16{});
}
#endif

}  // namespace fastopt::FASTOPT_LEVEL
#endif
