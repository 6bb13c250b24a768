// Powers, for the scalars of a step; python/fastopt/numerics/powers.py has the same in Python.
#pragma once
#include <cmath>
#include <cstdint>

namespace fastopt {

// base^exponent by repeated squaring: products only, so that the bits are the same everywhere.
inline double power(double base, std::uint64_t exponent) {
    double product = 1.0;
    for (; exponent; exponent >>= 1) {
        if (exponent & 1) product *= base;
        base *= base;
    }
    return product;
}

// e^x for x < 709, from products, sums and a scaling by a power of two.
inline double exp(double x) {
    constexpr double ln2_high = 0.693147180369123816490, ln2_low = 1.90821492927058770002e-10;
    constexpr int terms = 14;
    if (x < -745.0) return 0.0;
    const double k = std::nearbyint(x / (ln2_high + ln2_low));
    const double rest = (x - k * ln2_high) - k * ln2_low;
    double series = 1.0;
    for (int n = terms; n > 0; --n) series = 1.0 + series * rest / n;
    return std::ldexp(series, int(k));
}

}  // namespace fastopt
