// AdEMAMix: Adam with a second, slower mean of gradients; the simplified one has a sum of gradients alone.
#pragma once
#include "kernels/arithmetic.hpp"

namespace fastopt::FASTOPT_LEVEL {

// step_m and step_n hold the learning rate, the bias correction of m and the share of n.
template <class T> struct ademamix {
    T beta1, one_minus_beta1, beta2, one_minus_beta2, beta3, one_minus_beta3, step_m, step_n, eps_root, unbias, eps;
    void operator()(T& p, T g, T& m, T& n, T& v) const {
        m = beta1 * m + one_minus_beta1 * g;
        n = beta3 * n + one_minus_beta3 * g;
        v = beta2 * v + one_minus_beta2 * g * g;
        p = p - (step_m * m + step_n * n) / (root(v + eps_root) * unbias + eps);
    }
};

template <class T> struct simplified_ademamix {
    T beta1, beta2, one_minus_beta2, step_g, lr, eps_root, unbias, eps;
    void operator()(T& p, T g, T& m, T& v) const {
        m = beta1 * m + g;
        v = beta2 * v + one_minus_beta2 * g * g;
        p = p - (step_g * g + lr * m) / (root(v + eps_root) * unbias + eps);
    }
};

FASTOPT_RULE(ademamix)
FASTOPT_RULE(simplified_ademamix)

}  // namespace fastopt::FASTOPT_LEVEL
