// Adamax: Adam with the infinity norm in place of the second moment.
#pragma once
#include "kernels/arithmetic.hpp"

namespace fastopt::FASTOPT_LEVEL {

template <class T> struct adamax {
    T beta1, one_minus_beta1, beta2, step, eps_norm, eps;    // eps_norm inside the maximum
    void operator()(T& p, T g, T& m, T& u) const {
        m = beta1 * m + one_minus_beta1 * g;
        u = maximum(beta2 * u, absolute(g) + eps_norm);
        p = p - step * m / (u + eps);
    }
};

FASTOPT_RULE(adamax)

}  // namespace fastopt::FASTOPT_LEVEL
