// diffGrad: Adam whose steps are up to twice as short where the gradient does not change.
#pragma once
#include "kernels/functions.hpp"

namespace fastopt::FASTOPT_LEVEL {

template <class T> struct diffgrad {
    T beta1, one_minus_beta1, beta2, one_minus_beta2, step, eps, one;
    void operator()(T& p, T g, T& m, T& v, T& g_prev) const {
        const T friction = one / (one + exponential(-absolute(g_prev - g)));
        g_prev = g;
        m = beta1 * m + one_minus_beta1 * g;
        v = beta2 * v + one_minus_beta2 * g * g;
        p = p - step * m * friction / (root(v) + eps);
    }
};

FASTOPT_LONG_RULE(diffgrad)

}  // namespace fastopt::FASTOPT_LEVEL
