// AdaBound, AMSBound and AdaMod: Adam with a bound of each element's learning rate.
#pragma once
#include "kernels/arithmetic.hpp"

namespace fastopt::FASTOPT_LEVEL {

template <class T> struct adabound {
    T beta1, one_minus_beta1, beta2, one_minus_beta2, step, eps, low, high;
    void operator()(T& p, T g, T& m, T& v) const {
        m = beta1 * m + one_minus_beta1 * g;
        v = beta2 * v + one_minus_beta2 * g * g;
        p = p - clip(step / (root(v) + eps), low, high) * m;
    }
};

template <class T> struct amsbound {
    T beta1, one_minus_beta1, beta2, one_minus_beta2, step, eps, low, high;
    void operator()(T& p, T g, T& m, T& v, T& v_max) const {
        m = beta1 * m + one_minus_beta1 * g;
        v = beta2 * v + one_minus_beta2 * g * g;
        v_max = maximum(v_max, v);
        p = p - clip(step / (root(v_max) + eps), low, high) * m;
    }
};

template <class T> struct adamod {
    T beta1, one_minus_beta1, beta2, one_minus_beta2, beta3, one_minus_beta3, step, eps;
    void operator()(T& p, T g, T& m, T& v, T& e) const {
        m = beta1 * m + one_minus_beta1 * g;
        v = beta2 * v + one_minus_beta2 * g * g;
        const T rate = step / (root(v) + eps);
        e = beta3 * e + one_minus_beta3 * rate;
        p = p - minimum(rate, e) * m;
    }
};

FASTOPT_RULE(adabound)
FASTOPT_RULE(amsbound)
FASTOPT_RULE(adamod)

}  // namespace fastopt::FASTOPT_LEVEL
