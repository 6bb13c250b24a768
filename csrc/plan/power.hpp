// Powers, for the scalars of a step; python/fastopt/numerics/powers.py has the same in Python.
#pragma once
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

}  // namespace fastopt
