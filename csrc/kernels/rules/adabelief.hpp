// AdaBelief: the second moment of how far the gradient is from its running mean.
#pragma once
#include "kernels/arithmetic.hpp"

namespace fastopt::FASTOPT_LEVEL {

// The scalars are those of RAdam; without rectification adaptive is always 1.
template <class T> struct adabelief {
    T beta1, one_minus_beta1, beta2, one_minus_beta2, step_g, step_m, eps_root, unbias, eps, adaptive, one;
    void operator()(T& p, T g, T& m, T& s) const {
        m = beta1 * m + one_minus_beta1 * g;
        const T d = g - m;
        s = beta2 * s + one_minus_beta2 * d * d + eps_root;
        const T divisor = adaptive >= one ? root(s) * unbias + eps : one;
        p = p - (step_g * g + step_m * m) / divisor;
    }
};

template <class T> struct adabelief_amsgrad {
    T beta1, one_minus_beta1, beta2, one_minus_beta2, step_g, step_m, eps_root, unbias, eps;
    void operator()(T& p, T g, T& m, T& s, T& s_max) const {
        m = beta1 * m + one_minus_beta1 * g;
        const T d = g - m;
        s = beta2 * s + one_minus_beta2 * d * d + eps_root;
        s_max = maximum(s_max, s);
        p = p - (step_g * g + step_m * m) / (root(s_max) * unbias + eps);
    }
};

FASTOPT_RULE(adabelief)
FASTOPT_RULE(adabelief_amsgrad)

}  // namespace fastopt::FASTOPT_LEVEL
