// SMORMS3: RMSprop whose memory is longer where gradients agree less.
#pragma once
#include "kernels/arithmetic.hpp"

namespace fastopt::FASTOPT_LEVEL {

template <class T> struct smorms3 {
    T lr, eps, one;
    void operator()(T& p, T g, T& memory, T& m, T& v) const {
        const T r = one / (memory + one);
        m = (one - r) * m + r * g;
        v = (one - r) * v + r * g * g;
        const T agreement = m * m / (v + eps);
        memory = one + memory * (one - agreement);
        p = p - minimum(lr, agreement) * g / (root(v) + eps);
    }
};

FASTOPT_LONG_RULE(smorms3)

}  // namespace fastopt::FASTOPT_LEVEL
