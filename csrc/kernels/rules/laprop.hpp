// LaProp: momentum of the gradient over the root of its second moment.
#pragma once
#include "kernels/arithmetic.hpp"

namespace fastopt::FASTOPT_LEVEL {

template <class T> struct laprop {
    T beta1, beta2, one_minus_beta2, step, unbias, eps, scale;    // step and scale hold the learning rate
    void operator()(T& p, T g, T& m, T& v) const {
        v = beta2 * v + one_minus_beta2 * g * g;
        m = beta1 * m + step * g / (root(v) * unbias + eps);
        p = p - scale * m;
    }
};

FASTOPT_RULE(laprop)

}  // namespace fastopt::FASTOPT_LEVEL
