// Adam and AMSGrad; AdamW is Adam with decoupled weight decay, which is a stage.
#pragma once
#include "kernels/arithmetic.hpp"

namespace fastopt::FASTOPT_LEVEL {

// Both bias corrections are in the scalars: step is lr / (1 - beta1^t), unbias the reciprocal root of
// 1 - beta2^t, by which eps_root has been multiplied. One root and one division an element.
template <class T> struct adam {
    T beta1, one_minus_beta1, beta2, one_minus_beta2, step, eps_root, unbias, eps;
    void operator()(T& p, T g, T& m, T& v) const {
        m = beta1 * m + one_minus_beta1 * g;
        v = beta2 * v + one_minus_beta2 * g * g;
        p = p - step * m / (root(v + eps_root) * unbias + eps);
    }
};

template <class T> struct amsgrad {
    T beta1, one_minus_beta1, beta2, one_minus_beta2, step, eps_root, unbias, eps, correct;
    void operator()(T& p, T g, T& m, T& v, T& v_max) const {
        m = beta1 * m + one_minus_beta1 * g;
        v = beta2 * v + one_minus_beta2 * g * g;
        v_max = maximum(v_max, correct * v);
        p = p - step * m / (root(v_max + eps_root) * unbias + eps);
    }
};

FASTOPT_POPULAR_RULE(adam)
FASTOPT_RULE(amsgrad)

}  // namespace fastopt::FASTOPT_LEVEL
