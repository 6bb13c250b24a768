// Adan: moments of the gradient, of its change, and of the gradient that the change leads to.
#pragma once
#include "kernels/arithmetic.hpp"

namespace fastopt::FASTOPT_LEVEL {

template <class T> struct adan {
    T beta1, one_minus_beta1, beta2, one_minus_beta2, beta3, one_minus_beta3, change, step_m, step_v, unbias, eps;
    void operator()(T& p, T g, T& m, T& v, T& n, T& g_prev) const {
        const T d = change * (g - g_prev);    // change: 0 at the first step, else 1
        m = beta1 * m + one_minus_beta1 * g;
        v = beta2 * v + one_minus_beta2 * d;
        const T ahead = g + beta2 * d;
        n = beta3 * n + one_minus_beta3 * ahead * ahead;
        p = p - (step_m * m + step_v * v) / (root(n) * unbias + eps);
        g_prev = g;
    }
};

FASTOPT_RULE(adan)

}  // namespace fastopt::FASTOPT_LEVEL
