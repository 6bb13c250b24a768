// AdaHessian: the first moment over a root of squared curvatures, which steps read alone.
#pragma once
#include "kernels/arithmetic.hpp"

namespace fastopt::FASTOPT_LEVEL {

template <class T> struct adahessian {
    T beta1, one_minus_beta1, step, unbias, eps;
    void operator()(T& p, T g, T& m, T& v) const {
        m = beta1 * m + one_minus_beta1 * g;
        p = p - step * m / (root(v) * unbias + eps);
    }
};

template <class T> struct adahessian_half {
    T beta1, one_minus_beta1, step, unbias, eps;
    void operator()(T& p, T g, T& m, T& v) const {
        m = beta1 * m + one_minus_beta1 * g;
        p = p - step * m / (root(root(v) * unbias) + eps);
    }
};

FASTOPT_RULE(adahessian)
FASTOPT_RULE(adahessian_half)

}  // namespace fastopt::FASTOPT_LEVEL
