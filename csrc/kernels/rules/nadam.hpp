// NAdam: Adam with Nesterov's momentum; the step mixes the gradient and the first moment.
#pragma once
#include "kernels/arithmetic.hpp"

namespace fastopt::FASTOPT_LEVEL {

template <class T> struct nadam {
    T beta1, one_minus_beta1, beta2, one_minus_beta2, step_g, step_m, eps_root, unbias, eps;
    void operator()(T& p, T g, T& m, T& v) const {
        m = beta1 * m + one_minus_beta1 * g;
        v = beta2 * v + one_minus_beta2 * g * g;
        p = p - (step_g * g + step_m * m) / (root(v + eps_root) * unbias + eps);
    }
};

FASTOPT_RULE(nadam)

}  // namespace fastopt::FASTOPT_LEVEL
