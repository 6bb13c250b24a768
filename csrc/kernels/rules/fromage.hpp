// Fromage: a step of a share of each array's norm, after which the array is shrunk.
#pragma once
#include "kernels/arithmetic.hpp"

namespace fastopt::FASTOPT_LEVEL {

template <class T> struct fromage {
    T step, shrink;
    void operator()(T& p, T g) const {
        p = p - step * g;
        p = p - shrink * p;
    }
};

template <class T> struct fromage_gradient {
    T step, shrink;
    void operator()(Result<T> p, T g) const { p = g; }
};

FASTOPT_RULE(fromage)
FASTOPT_DIRECTION(fromage_gradient)

}  // namespace fastopt::FASTOPT_LEVEL
