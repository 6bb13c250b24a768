// LAMB: Adam's direction with weight decay, scaled by norms of each array; and the direction by itself.
#pragma once
#include "kernels/arithmetic.hpp"

namespace fastopt::FASTOPT_LEVEL {

template <class T> struct lamb_direction {
    T beta1, take1, beta2, take2, correct, eps_root, unbias, eps, decay, step;
    void operator()(T& p, T g, T m, T v) const {
        m = beta1 * m + take1 * g;
        v = beta2 * v + take2 * g * g;
        p = correct * m / (root(v + eps_root) * unbias + eps) + decay * p;
    }
};

template <class T> struct lamb {
    T beta1, take1, beta2, take2, correct, eps_root, unbias, eps, decay, step;
    void operator()(T& p, T g, T& m, T& v) const {
        m = beta1 * m + take1 * g;
        v = beta2 * v + take2 * g * g;
        p = p - step * (correct * m / (root(v + eps_root) * unbias + eps) + decay * p);
    }
};

FASTOPT_DIRECTION(lamb_direction)
FASTOPT_RULE(lamb)

}  // namespace fastopt::FASTOPT_LEVEL
