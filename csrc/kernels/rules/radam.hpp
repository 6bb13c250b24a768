// RAdam: plain momentum, until the variance of Adam's step is finite and can be rectified.
#pragma once
#include "kernels/arithmetic.hpp"

namespace fastopt::FASTOPT_LEVEL {

// adaptive is 1 or 0, and the steps hold the rectification; step_g is that of the gradient with Nesterov's
// momentum.
template <class T> struct radam {
    T beta1, one_minus_beta1, beta2, one_minus_beta2, step_g, step_m, eps_root, unbias, eps, adaptive, one;
    void operator()(T& p, T g, T& m, T& v) const {
        m = beta1 * m + one_minus_beta1 * g;
        v = beta2 * v + one_minus_beta2 * g * g;
        const T divisor = adaptive >= one ? root(v + eps_root) * unbias + eps : one;
        p = p - (step_g * g + step_m * m) / divisor;
    }
};

FASTOPT_RULE(radam)

}  // namespace fastopt::FASTOPT_LEVEL
