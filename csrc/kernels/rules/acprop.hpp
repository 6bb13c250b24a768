// ACProp: the gradient over the root of its variance up to the step before.
#pragma once
#include "kernels/arithmetic.hpp"

namespace fastopt::FASTOPT_LEVEL {

template <class T> struct acprop {
    T beta1, one_minus_beta1, beta2, one_minus_beta2, lr, unbias, eps, eps_root;
    void operator()(T& p, T g, T& m, T& s) const {
        p = p - lr * g / (root(s) * unbias + eps);
        const T away = g - m;
        s = beta2 * s + one_minus_beta2 * away * away + eps_root;
        m = beta1 * m + one_minus_beta1 * g;
    }
};

FASTOPT_RULE(acprop)

}  // namespace fastopt::FASTOPT_LEVEL
