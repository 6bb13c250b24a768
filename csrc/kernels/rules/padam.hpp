// PAdam: the first moment over a root of the root of the second.
#pragma once
#include "kernels/arithmetic.hpp"

namespace fastopt::FASTOPT_LEVEL {

template <class T> struct padam_half {
    T beta1, one_minus_beta1, beta2, one_minus_beta2, step, eps;
    void operator()(T& p, T g, T& m, T& v) const {
        m = beta1 * m + one_minus_beta1 * g;
        v = beta2 * v + one_minus_beta2 * g * g;
        p = p - step * m / (root(v) + eps);
    }
};

template <class T> struct padam_quarter {
    T beta1, one_minus_beta1, beta2, one_minus_beta2, step, eps;
    void operator()(T& p, T g, T& m, T& v) const {
        m = beta1 * m + one_minus_beta1 * g;
        v = beta2 * v + one_minus_beta2 * g * g;
        p = p - step * m / root(root(v) + eps);
    }
};

template <class T> struct padam_eighth {
    T beta1, one_minus_beta1, beta2, one_minus_beta2, step, eps;
    void operator()(T& p, T g, T& m, T& v) const {
        m = beta1 * m + one_minus_beta1 * g;
        v = beta2 * v + one_minus_beta2 * g * g;
        p = p - step * m / root(root(root(v) + eps));
    }
};

FASTOPT_RULE(padam_half)
FASTOPT_RULE(padam_quarter)
FASTOPT_RULE(padam_eighth)

}  // namespace fastopt::FASTOPT_LEVEL
