// Yogi: a second moment that moves by the square of the gradient, and not by how far it is from that.
#pragma once
#include "kernels/arithmetic.hpp"

namespace fastopt::FASTOPT_LEVEL {

template <class T> struct yogi {
    T beta1, one_minus_beta1, one_minus_beta2, step, unbias, eps;
    void operator()(T& p, T g, T& m, T& v) const {
        m = beta1 * m + one_minus_beta1 * g;
        const T square = g * g;
        v = v - one_minus_beta2 * sign(v - square) * square;
        p = p - step * m / (root(v) * unbias + eps);
    }
};

FASTOPT_RULE(yogi)

}  // namespace fastopt::FASTOPT_LEVEL
