// How streams are stored that are computed in float32: in 16 or 8 bits, read and written tile by tile, by codecs that
// are compiled once for a level. What is rounded is rounded to nearest, or by noise: bits that come after those that
// stay are added to 16 random ones, and cut. python/fastopt/numerics/storage.py is the same in Python.
#pragma once

// All of them, in the order of STORAGES there, with the bytes of an element, those of what stands beside it (of a
// block: its scale), and how many elements share that.
//   bfloat16   the upper half of a float32
//   split      the nearest bfloat16, and the difference to the bits of a float32: exact together
//   master     float16, and the float32 that it is the nearest of; that of what somebody else has written
//   signed8    sign, four bits of an exponent and three of a fraction, times the scale of a block
//   unsigned8  five and three, of numbers that are never negative
#define FASTOPT_STORAGES(each)                                                                      \
    each(plain, 0, 0, 1) each(bfloat16, 2, 0, 1) each(split, 2, 2, 1) each(master, 2, 4, 1)         \
    each(signed8, 1, 4, 128) each(unsigned8, 1, 4, 128)

#ifdef FASTOPT_LEVEL    // which is compiled: the plan knows storages by their numbers
#include <cstddef>
#include <cstdint>

#include "kernels/fetch.hpp"
#include "kernels/formats.hpp"

namespace fastopt::FASTOPT_LEVEL {

// A number of 32 bits for each element from `first` on; lowbias32 of Chris Wellons, of the number of the element.
inline void make_noise(std::uint32_t* to, std::uint32_t first, std::uint32_t key, std::ptrdiff_t n) noexcept {
    constexpr std::uint32_t each = 0x9e3779b1;
    std::uint32_t counter = first * each;
#pragma omp simd linear(counter : each)
    for (std::ptrdiff_t i = 0; i < n; ++i) {
        std::uint32_t x = counter ^ key;
        x ^= x >> 16;
        x *= 0x7feb352d;
        x ^= x >> 15;
        x *= 0x846ca68b;
        x ^= x >> 16;
        to[i] = x;
        counter += each;
    }
}

// What is added to 16 bits before they are cut: those of the noise, or what rounds to nearest, ties to even.
struct Nearest {
    std::uint32_t at(std::ptrdiff_t, std::uint32_t bits, int cut) const {
        return (1u << (cut - 1)) - 1 + (bits >> cut & 1);
    }
};
struct Noisy {
    const std::uint32_t* noise;
    int shift;
    // Their mean is that of all numbers below the last bit that stays.
    std::uint32_t at(std::ptrdiff_t i, std::uint32_t, int cut) const {
        const std::uint32_t some = noise[i] >> shift & 0xffff;
        return cut == 16 ? some : some << (cut - 16) | 1u << (cut - 17);
    }
};

inline void decode_bfloat16(const void* data, const void*, float* __restrict to, std::ptrdiff_t n) noexcept {
    const auto* from = static_cast<const BFloat16*>(data);
    widen_all(to, from, n);
}

template <class Rounding>
void encode_bfloat16(void* data, void*, const float* from, std::ptrdiff_t n, const Rounding& rounding) noexcept {
    auto* __restrict to = static_cast<BFloat16*>(data);
#pragma omp simd
    for (std::ptrdiff_t i = 0; i < n; ++i) {
        const std::uint32_t bits = with_plain_nan(from[i]);
        to[i] = {std::uint16_t((bits + rounding.at(i, bits, 16)) >> 16)};
    }
}

inline void decode_split(const void* data, const void* rest, float* __restrict to, std::ptrdiff_t n) noexcept {
    const auto* high = static_cast<const std::uint16_t*>(data);
    const auto* low = static_cast<const std::uint16_t*>(rest);
#pragma omp simd
    for (std::ptrdiff_t i = 0; i < n; ++i) {
        const std::uint32_t difference = (std::uint32_t(low[i]) ^ 0x8000) - 0x8000;    // with its sign
        // Nothing lies below a zero, which somebody else has written where the difference is negative.
        const bool written = (high[i] & 0x7fff) == 0 && low[i] >= 0x8000;
        to[i] = bits_as<float>((std::uint32_t(high[i]) << 16) + (written ? 0 : difference));
    }
}

// Half away from zero, so that what is lost is a number of 16 bits, with a sign. Nothing is rounded by noise where
// nothing is lost.
inline void encode_split(void* data, void* rest, const float* from, std::ptrdiff_t n, const Nearest&) noexcept {
    auto* __restrict high = static_cast<std::uint16_t*>(data);
    auto* __restrict low = static_cast<std::uint16_t*>(rest);
#pragma omp simd
    for (std::ptrdiff_t i = 0; i < n; ++i) {
        const std::uint32_t bits = with_plain_nan(from[i]);
        high[i] = std::uint16_t((bits + 0x8000) >> 16);
        low[i] = std::uint16_t(bits);
    }
}

inline void decode_master(const void* data, const void* rest, float* __restrict to, std::ptrdiff_t n) noexcept {
    const auto* given = static_cast<const Float16*>(data);
    const auto* master = static_cast<const float*>(rest);
    constexpr std::ptrdiff_t some = 256;
    Float16 was[some];
    for (std::ptrdiff_t begin = 0; begin < n; begin += some) {
        const std::ptrdiff_t count = n - begin < some ? n - begin : some;
        narrow_all(was, master + begin, count);
        widen_all(to + begin, given + begin, count);
#pragma omp simd
        for (std::ptrdiff_t i = 0; i < count; ++i) {
            const bool same = was[i].bits == given[begin + i].bits;
            to[begin + i] = same ? master[begin + i] : to[begin + i];
        }
    }
}

inline void encode_master(void* data, void* rest, const float* from, std::ptrdiff_t n, const Nearest&) noexcept {
    __builtin_memcpy(rest, from, std::size_t(n) * sizeof(float));
    narrow_all(static_cast<Float16*>(data), from, n);
}

// A code is the bits of a float32 from those of `smallest` on, of which those are cut that come last; the number is
// that float less the smallest, times the scale. The largest of a block has the largest code.
template <bool has_sign> struct Code {
    static constexpr int cut = 20;
    static constexpr std::uint32_t most = has_sign ? 127 : 255;
    static constexpr std::uint32_t base = std::uint32_t(127 - (has_sign ? 7 : 15)) << 23;
    static float smallest() { return bits_as<float>(base); }
    static float reach() { return bits_as<float>(base + (most << cut)) - smallest(); }

    static float decoded(std::uint32_t code, float scale) {
        const std::uint32_t size = has_sign ? code & 127 : code;
        const float found = (bits_as<float>(base + (size << cut)) - smallest()) * scale;
        if constexpr (!has_sign) return found;
        return bits_as<float>(bits_as<std::uint32_t>(found) ^ ((code & 128) << 24));
    }
    template <class Rounding>
    static std::uint8_t encoded(float x, float inverse, std::ptrdiff_t i, const Rounding& rounding) {
        const std::uint32_t given = bits_as<std::uint32_t>(x);
        const float size = has_sign ? bits_as<float>(given & 0x7fffffff) : nonnegative(x);
        const std::uint32_t above = bits_as<std::uint32_t>(size * inverse + smallest()) - base;
        // Never more than `most`: rounded, the largest is no more than two bits above it, and noise leaves eight.
        const std::uint32_t code = (above + rounding.at(i, above, cut)) >> cut;
        return std::uint8_t(has_sign ? code | (given >> 24 & 128) : code);
    }
};

constexpr std::ptrdiff_t code_block = 128;
constexpr std::uint32_t least_bits = std::uint32_t(127 - 100) << 23;    // of the largest: below it, all are 0

// Whole blocks alone, of which a compiler makes vectors; the last one is padded with zeros in memory of its own.
template <bool has_sign>
void decode_blocks(const void* data, const void* rest, float* to, std::ptrdiff_t n) noexcept {
    const auto* code = static_cast<const std::uint8_t*>(data);
    const auto* scale = static_cast<const float*>(rest);
    std::uint8_t last[code_block] = {};
    float found[code_block];
    for (; n > 0; n -= code_block, code += code_block, to += code_block) {
        const bool whole = n >= code_block;
        if (!whole) __builtin_memcpy(last, code, std::size_t(n));
        const std::uint8_t* const from = whole ? code : last;
        float* const into = whole ? to : found;
        const float times = *scale++;
#pragma omp simd
        for (std::ptrdiff_t i = 0; i < code_block; ++i) into[i] = Code<has_sign>::decoded(from[i], times);
        if (!whole) __builtin_memcpy(to, found, std::size_t(n) * sizeof(float));
    }
}

// Rounding comes by value here: bytes that are written may be anything in memory, even what a reference is to, and the
// loop would not be vectorized.
template <bool has_sign, class Rounding>
void encode_block(std::uint8_t* __restrict code, float* scale, const float* from, std::ptrdiff_t begin,
                  const Rounding rounding) noexcept {
    std::uint32_t largest = 0;    // of the bits of their sizes, which rise as these do, to infinity and NaN
#pragma omp simd reduction(max : largest)
    for (std::ptrdiff_t i = 0; i < code_block; ++i) {
        const std::uint32_t bits = bits_as<std::uint32_t>(from[i]) & 0x7fffffff;
        largest = bits > largest ? bits : largest;
    }
    if (largest < least_bits || largest >= 0x7f800000) {
        __builtin_memset(code, 0, code_block);
        *scale = bits_as<float>(largest < least_bits ? 0 : 0x7fc00000u);
        return;
    }
    const float most = bits_as<float>(largest), inverse = Code<has_sign>::reach() / most;
    *scale = most / Code<has_sign>::reach();
#pragma omp simd
    for (std::ptrdiff_t i = 0; i < code_block; ++i) {
        code[i] = Code<has_sign>::encoded(from[i], inverse, begin + i, rounding);
    }
}

template <bool has_sign, class Rounding>
void encode_blocks(void* data, void* rest, const float* from, std::ptrdiff_t n, const Rounding rounding) noexcept {
    auto* code = static_cast<std::uint8_t*>(data);
    auto* scale = static_cast<float*>(rest);
    std::uint8_t found[code_block];
    float last[code_block] = {};
    for (std::ptrdiff_t done = 0; done < n; done += code_block) {
        const std::ptrdiff_t left = n - done;
        const bool whole = left >= code_block;
        if (!whole) __builtin_memcpy(last, from + done, std::size_t(left) * sizeof(float));
        encode_block<has_sign>(whole ? code + done : found, scale++, whole ? from + done : last, done, rounding);
        if (!whole) __builtin_memcpy(code + done, found, std::size_t(left));
    }
}

template <auto decode, std::size_t data_bytes, std::size_t rest_bytes, std::ptrdiff_t shared>
void decode_tile(const void* data, const void* rest, void* to, std::ptrdiff_t n, bool ahead) noexcept {
    if (ahead) {
        fetch_ahead(static_cast<const char*>(data), n * std::ptrdiff_t(data_bytes));
        fetch_ahead(static_cast<const char*>(rest), n / shared * std::ptrdiff_t(rest_bytes));
    }
    decode(data, rest, static_cast<float*>(to), n);
}

template <auto nearest, auto noisy>
void encode_tile(void* data, void* rest, const void* from, std::ptrdiff_t n, const std::uint32_t* noise,
                 int shift) noexcept {
    if constexpr (requires { noisy(data, rest, static_cast<const float*>(from), n, Noisy{noise, shift}); }) {
        if (noise) return noisy(data, rest, static_cast<const float*>(from), n, Noisy{noise, shift});
    }
    nearest(data, rest, static_cast<const float*>(from), n, Nearest{});
}

}  // namespace fastopt::FASTOPT_LEVEL
#endif
