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

constexpr double ln2_high = 0.693147180369123816490;    // the leading bits: a multiple has no rounding error
constexpr double ln2_low = 1.90821492927058770002e-10;
constexpr int terms = 14;    // of the series of exp, enough for |x| <= ln(2) / 2; and of log

// e^x for x < 709, from products, sums and a scaling by a power of two.
inline double exp(double x) {
    if (x < -745.0) return 0.0;
    const double k = std::nearbyint(x / (ln2_high + ln2_low));
    const double rest = (x - k * ln2_high) - k * ln2_low;
    double series = 1.0;
    for (int n = terms; n > 0; --n) series = 1.0 + series * rest / n;
    return std::ldexp(series, int(k));
}

// The natural logarithm of x > 0, from products, sums, quotients and its power of two.
inline double log(double x) {
    constexpr double sqrt_half = 0.7071067811865476;
    int k;
    double fraction = std::frexp(x, &k);
    if (fraction < sqrt_half) {
        fraction *= 2.0;
        --k;
    }
    const double ratio = (fraction - 1.0) / (fraction + 1.0), square = ratio * ratio;
    double series = 0.0;    // of the inverse of tanh
    for (int n = terms; n > 0; --n) series = (series + 1.0 / (2 * n + 1)) * square;
    return k * ln2_high + (k * ln2_low + 2.0 * (ratio + ratio * series));
}

// base^exponent for a base and an exponent >= 0; 0 to the power 0 is 1.
inline double real_power(double base, double exponent) {
    const double whole = std::floor(exponent);
    const double product = power(base, std::uint64_t(whole));
    if (exponent == whole || base == 0.0) return exponent == whole ? product : 0.0;
    return product * exp((exponent - whole) * log(base));
}

}  // namespace fastopt
