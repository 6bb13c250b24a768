// StableAdamW: AdamW whose learning rate is lower where gradients exceed their second moment.
#pragma once
#include "kernels/arithmetic.hpp"

namespace fastopt::FASTOPT_LEVEL {

template <class T> struct stable_adamw {
    T beta1, one_minus_beta1, beta2, one_minus_beta2, shrink, step, eps;
    void operator()(T& p, T g, T& m, T& v) const {
        m = beta1 * m + one_minus_beta1 * g;
        v = beta2 * v + one_minus_beta2 * g * g;
        p = p - shrink * p - step * m / (root(v) + eps);
    }
};

template <class T> struct stable_adamw_excess {
    T beta1, one_minus_beta1, beta2, one_minus_beta2, shrink, step, eps;
    void operator()(Result<T> p, T g, Unread, T v) const {
        v = beta2 * v + one_minus_beta2 * g * g;
        p = g / maximum(root(v), eps);
    }
};

FASTOPT_RULE(stable_adamw)
FASTOPT_DIRECTION(stable_adamw_excess)

}  // namespace fastopt::FASTOPT_LEVEL
