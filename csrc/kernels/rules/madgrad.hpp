// MADGRAD: dual averaging from where the parameter began, over the cube root of the sum of squares.
#pragma once
#include "kernels/functions.hpp"

namespace fastopt::FASTOPT_LEVEL {

template <class T> struct madgrad {
    T k, keep, take, eps, begin;    // begin: 1 at the first step
    void operator()(T& p, T g, T& start, T& s, T& v) const {
        start = start + begin * (p - start);
        v = v + k * g * g;
        s = s + k * g;
        const T z = start - s / (cube_root(v) + eps);
        p = keep * p + take * z;
    }
};

FASTOPT_LONG_RULE(madgrad)

}  // namespace fastopt::FASTOPT_LEVEL
