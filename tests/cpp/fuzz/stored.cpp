// Codecs, an element at a time.
#include "fuzz/stored.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>

namespace driver::fuzz {
namespace {

constexpr std::size_t block = 128;

template <class T> T at(const std::vector<char>& bytes, std::size_t i) {
    T found;
    std::memcpy(&found, bytes.data() + i * sizeof(T), sizeof(T));
    return found;
}

template <class T> void append(std::vector<char>& bytes, T x) {
    const auto* const begin = reinterpret_cast<const char*>(&x);
    bytes.insert(bytes.end(), begin, begin + sizeof(T));
}

// The bits of bfloat16, so many parts of 2^16 above which it is rounded away from zero.
unsigned cut(float x, double above) {
    const unsigned sign = std::signbit(x) ? 0x8000 : 0;
    if (std::isnan(x)) return sign | 0x7fc0;
    if (std::isinf(x)) return sign | 0x7f80;
    const double size = std::fabs(static_cast<double>(x));
    const int exponent = size > 0.0 ? std::max(std::ilogb(size), -126) : -126;
    const double units = std::ldexp(size, 7 - exponent), whole = std::floor(units);
    const bool up = (units - whole) * 65536.0 >= above;
    // A carry out of the fraction is one into the exponent.
    return sign | (unsigned(whole) + (up ? 1 : 0) + (unsigned(exponent + 126) << 7));
}

// Numbers of 8 bits: three of a fraction, and what is left an exponent, from 0 on.
struct Code {
    bool has_sign;

    unsigned most() const { return has_sign ? 127 : 255; }
    double size(unsigned code) const {    // with that of 0
        return std::ldexp(1.0 + (code % 8) / 8.0, int(code / 8) - (has_sign ? 7 : 15));
    }
    float reach() const { return static_cast<float>(size(most()) - size(0)); }

    float decoded(unsigned code, float scale) const {
        const float found = static_cast<float>(size(code & most()) - size(0)) * scale;
        return has_sign && (code & 128) ? -found : found;
    }
    unsigned encoded(float x, float inverse, const unsigned* noise) const {
        const float magnitude = has_sign ? std::fabs(x) : x < 0.0f ? 0.0f : x;
        const float sum = magnitude * inverse + static_cast<float>(size(0));
        const auto y = static_cast<double>(sum);
        unsigned code = 0;
        while (code < most() && size(code + 1) <= y) ++code;
        const double part = (y - size(code)) / (size(code + 1) - size(code)) * 0x1p20;
        const bool up = noise ? part + 16.0 * *noise + 8.0 >= 0x1p20
                              : part > 0x1p19 || (part == 0x1p19 && code % 2 == 1);
        code = std::min(code + (up ? 1 : 0), most());
        return has_sign && std::signbit(x) ? code | 128 : code;
    }
};

void append_block(Bits& bits, Code code, const float* x, std::size_t n, const unsigned* noise) {
    float largest = 0.0f;
    bool wild = false;
    for (std::size_t i = 0; i < n; ++i) {
        wild |= !std::isfinite(x[i]);
        largest = std::max(largest, std::fabs(x[i]));
    }
    const bool tiny = largest < 0x1p-100f, empty = wild || tiny;
    const float inverse = empty ? 0.0f : code.reach() / largest;
    for (std::size_t i = 0; i < n; ++i) {
        const unsigned found = empty ? 0 : code.encoded(x[i], inverse, noise ? noise + i : nullptr);
        append(bits.elements, std::uint8_t(found));
    }
    append(bits.beside, wild   ? std::numeric_limits<float>::quiet_NaN()
                        : tiny ? 0.0f
                               : largest / code.reach());
}

unsigned nearest_half(float x) {
    std::uint16_t found = 0;
    put(DType::float16, reinterpret_cast<char*>(&found), static_cast<double>(x));
    return found;
}

float joined(unsigned high, int difference) {
    if ((high & 0x7fff) == 0 && difference < 0) difference = 0;    // a zero that was written since
    const std::uint32_t bits = high * 65536 + std::uint32_t(difference);
    float found;
    std::memcpy(&found, &bits, sizeof found);
    return found;
}

}  // namespace

std::vector<float> decoded(Storage how, const Bits& bits) {
    std::vector<float> found;
    const std::size_t n = bits.elements.size() / fastopt::storage_sizes[int(how)].bytes;
    for (std::size_t i = 0; i < n; ++i) {
        const char* const element = bits.elements.data() + 2 * i;
        if (how == Storage::bfloat16) {
            found.push_back(static_cast<float>(value(DType::bfloat16, element)));
        } else if (how == Storage::split) {
            found.push_back(joined(at<std::uint16_t>(bits.elements, i), at<std::int16_t>(bits.beside, i)));
        } else if (how == Storage::master) {
            const float master = at<float>(bits.beside, i);
            const bool same = nearest_half(master) == at<std::uint16_t>(bits.elements, i);
            found.push_back(same ? master : static_cast<float>(value(DType::float16, element)));
        } else {
            const Code code{how == Storage::signed8};
            const float scale = at<float>(bits.beside, i / block);
            found.push_back(code.decoded(at<std::uint8_t>(bits.elements, i), scale));
        }
    }
    return found;
}

Bits encoded(Storage how, const std::vector<float>& values, const std::vector<unsigned>& noise) {
    Bits found;
    for (std::size_t i = 0; i < values.size(); ++i) {
        const float x = values[i];
        if (how == Storage::bfloat16) {
            std::uint16_t bits = 0;
            put(DType::bfloat16, reinterpret_cast<char*>(&bits), static_cast<double>(x));
            append(found.elements, noise.empty() ? bits : std::uint16_t(cut(x, 65536.0 - noise[i])));
        } else if (how == Storage::split) {
            const unsigned high = cut(x, 32768.0);
            std::uint32_t bits = 0;
            std::memcpy(&bits, &x, sizeof bits);
            append(found.elements, std::uint16_t(high));
            append(found.beside, std::int16_t(std::isnan(x) ? 0 : int(bits - high * 65536)));
        } else if (how == Storage::master) {
            append(found.elements, std::uint16_t(nearest_half(x)));
            append(found.beside, x);
        } else if (i % block == 0) {
            const unsigned* const some = noise.empty() ? nullptr : noise.data() + i;
            const std::size_t n = std::min(block, values.size() - i);
            append_block(found, Code{how == Storage::signed8}, values.data() + i, n, some);
        }
    }
    return found;
}

std::vector<unsigned> noise_of(std::uint64_t seed, std::uint64_t step, std::size_t stream, std::size_t n) {
    const auto mixed = [](std::uint32_t x) {
        x = (x ^ x >> 16) * 0x7feb352d;
        x = (x ^ x >> 15) * 0x846ca68b;
        return x ^ x >> 16;
    };
    const std::size_t number = stream == 0 ? 4 : (stream - 1) / 2;
    std::uint32_t key = mixed(std::uint32_t(seed) ^ std::uint32_t(number));
    for (const std::uint64_t word : {seed >> 32, step, step >> 32, std::uint64_t(0)}) {
        key = mixed(key ^ std::uint32_t(word));
    }
    std::vector<unsigned> found;
    for (std::size_t i = 0; i < n; ++i) {
        const std::uint32_t both = mixed(std::uint32_t(i) * 0x9e3779b1 ^ key);
        found.push_back(stream != 0 && stream % 2 == 0 ? both >> 16 : both & 0xffff);
    }
    return found;
}

}  // namespace driver::fuzz
