// Lion: the sign of a mix of gradient and momentum, which keeps more of the past than the mix does.
#pragma once
#include "kernels/arithmetic.hpp"

namespace fastopt::FASTOPT_LEVEL {

template <class T> struct lion {
    T beta1, one_minus_beta1, beta2, one_minus_beta2, lr;
    void operator()(T& p, T g, T& m) const {
        p = p - lr * sign(beta1 * m + one_minus_beta1 * g);
        m = beta2 * m + one_minus_beta2 * g;
    }
};

FASTOPT_RULE(lion)

}  // namespace fastopt::FASTOPT_LEVEL
