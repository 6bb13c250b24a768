// Optimistic SGD and Adam: a step with the gradient, or Adam's, as it will be if it goes on changing.
#pragma once
#include "kernels/arithmetic.hpp"

namespace fastopt::FASTOPT_LEVEL {

template <class T> struct optimistic_sgd {
    T step, step_prev;
    void operator()(T& p, T g, T& g_prev) const {
        p = p - (step * g - step_prev * g_prev);
        g_prev = g;
    }
};

template <class T> struct optimistic_adam {
    T beta1, one_minus_beta1, beta2, one_minus_beta2, take_g, take_m, eps_root, unbias, eps, step, step_prev;
    void operator()(T& p, T g, T& m, T& v, T& d_prev) const {
        m = beta1 * m + one_minus_beta1 * g;
        v = beta2 * v + one_minus_beta2 * g * g;
        const T d = (take_g * g + take_m * m) / (root(v + eps_root) * unbias + eps);
        p = p - (step * d - step_prev * d_prev);
        d_prev = d;
    }
};

FASTOPT_RULE(optimistic_sgd)
FASTOPT_RULE(optimistic_adam)

}  // namespace fastopt::FASTOPT_LEVEL
