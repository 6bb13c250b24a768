// FTRL-proximal: the parameter is what minimizes a model of all steps so far, with an L1 penalty.
#pragma once
#include "kernels/arithmetic.hpp"

namespace fastopt::FASTOPT_LEVEL {

template <class T> struct ftrl {
    T lr, l1, stiffness, shrinkage, zero;
    void operator()(T& p, T g, T& n, T& z) const {
        const T before = root(n);
        n = n + g * g;
        const T now = root(n);
        z = z + (g + shrinkage * p - (now - before) / lr * p);
        const T divisor = now + stiffness;
        p = select(divisor == zero, p, lr * (bounded(z, l1) - z) / divisor);
    }
};

FASTOPT_RULE(ftrl)

}  // namespace fastopt::FASTOPT_LEVEL
