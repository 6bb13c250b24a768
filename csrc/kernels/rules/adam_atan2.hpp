// Adam-atan2: an arctangent in place of the division, and so no epsilon.
#pragma once
#include "kernels/functions.hpp"

namespace fastopt::FASTOPT_LEVEL {

template <class T> struct adam_atan2 {
    T beta1, one_minus_beta1, beta2, one_minus_beta2, unbias_m, unbias_v, lr;
    void operator()(T& p, T g, T& m, T& v) const {
        m = beta1 * m + one_minus_beta1 * g;
        v = beta2 * v + one_minus_beta2 * g * g;
        p = p - lr * angle(unbias_m * m, unbias_v * root(v));
    }
};

FASTOPT_LONG_RULE(adam_atan2)

}  // namespace fastopt::FASTOPT_LEVEL
