// Elements of every format, read and rounded by the definition of their fields.
#include "fuzz/formats.hpp"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>

namespace driver::fuzz {
namespace {

// A format of 16 bits: a sign, an exponent, and so many bits of a fraction.
struct Half {
    int fraction;

    int bias() const { return (1 << (14 - fraction)) - 1; }
    unsigned infinity() const { return 0x7fffu >> fraction << fraction; }

    double value(unsigned bits) const {
        const unsigned magnitude = bits & 0x7fff, rest = magnitude & ((1u << fraction) - 1);
        const int exponent = int(magnitude >> fraction);
        double x = std::ldexp(double(rest + (1u << fraction)), exponent - bias() - fraction);
        if (exponent == 0) x = std::ldexp(double(rest), 1 - bias() - fraction);
        if (magnitude == infinity()) x = std::numeric_limits<double>::infinity();
        if (magnitude > infinity()) x = std::numeric_limits<double>::quiet_NaN();
        return bits & 0x8000 ? -x : x;
    }

    unsigned rounded(double x) const {
        const unsigned sign = std::signbit(x) ? 0x8000 : 0;
        if (std::isnan(x)) return sign | 0x7fff;
        if (std::isinf(x)) return sign | infinity();
        if (x == 0.0) return sign;
        const int exponent = std::max(std::ilogb(x), 1 - bias());
        // In units of the last place: a carry out of the fraction is one into the exponent.
        const double units = std::nearbyint(std::ldexp(std::fabs(x), fraction - exponent));
        const double bits = units + std::ldexp(double(exponent + bias() - 1), fraction);
        return sign | unsigned(std::min(bits, double(infinity())));
    }
};

constexpr Half half{10}, brain{7};

}  // namespace

double value(DType dtype, const char* at) {
    const auto read = [at](auto x) {
        std::memcpy(&x, at, sizeof x);
        return x;
    };
    switch (dtype) {
        case DType::float32: return static_cast<double>(read(0.0f));
        case DType::float64: return read(0.0);
        case DType::float16: return half.value(read(std::uint16_t(0)));
        case DType::bfloat16: return brain.value(read(std::uint16_t(0)));
    }
    return 0.0;
}

void put(DType dtype, char* at, double x) {
    const auto write = [at](auto rounded) { std::memcpy(at, &rounded, sizeof rounded); };
    switch (dtype) {
        case DType::float32: return write(static_cast<float>(x));
        case DType::float64: return write(x);
        case DType::float16: return write(std::uint16_t(half.rounded(x)));
        case DType::bfloat16:
            return write(std::uint16_t(brain.rounded(static_cast<double>(static_cast<float>(x)))));
    }
}

bool same(DType dtype, const char* a, const char* b) {
    if (std::memcmp(a, b, itemsize(dtype)) == 0) return true;
    return std::isnan(value(dtype, a)) && std::isnan(value(dtype, b));
}

}  // namespace driver::fuzz
