// QHAdam: Adam between the moments and what enters them. QHM is a kernel of SGD's with other scalars.
#pragma once
#include "kernels/arithmetic.hpp"

namespace fastopt::FASTOPT_LEVEL {

template <class T> struct qhadam {
    T beta1, one_minus_beta1, beta2, one_minus_beta2, step_g, step_m, take_g, take_v, eps;
    void operator()(T& p, T g, T& m, T& v) const {
        m = beta1 * m + one_minus_beta1 * g;
        v = beta2 * v + one_minus_beta2 * g * g;
        p = p - (step_g * g + step_m * m) / (root(take_g * g * g + take_v * v) + eps);
    }
};

FASTOPT_RULE(qhadam)

}  // namespace fastopt::FASTOPT_LEVEL
