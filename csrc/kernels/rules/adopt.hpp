// ADOPT: the gradient over the root of the second moment of the steps before, and momentum of that.
#pragma once
#include "kernels/arithmetic.hpp"

namespace fastopt::FASTOPT_LEVEL {

// At the first step limit and beta2 are 0: v becomes the squared gradient, and nothing moves.
template <class T> struct adopt {
    T beta1, one_minus_beta1, beta2, one_minus_beta2, eps, limit, step_u, step_m;
    void operator()(T& p, T g, T& m, T& v) const {
        const T u = bounded(g / maximum(root(v), eps), limit);
        m = beta1 * m + one_minus_beta1 * u;
        v = beta2 * v + one_minus_beta2 * g * g;
        p = p - (step_u * u + step_m * m);
    }
};

FASTOPT_RULE(adopt)

}  // namespace fastopt::FASTOPT_LEVEL
