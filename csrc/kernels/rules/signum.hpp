// SignSGD and Signum; Tiger is Signum with other defaults.
#pragma once
#include "kernels/arithmetic.hpp"

namespace fastopt::FASTOPT_LEVEL {

template <class T> struct signsgd {
    T lr;
    void operator()(T& p, T g) const { p = p - lr * sign(g); }
};

template <class T> struct signum {
    T beta, one_minus_beta, lr;
    void operator()(T& p, T g, T& m) const {
        m = beta * m + one_minus_beta * g;
        p = p - lr * sign(m);
    }
};

FASTOPT_RULE(signsgd)
FASTOPT_RULE(signum)

}  // namespace fastopt::FASTOPT_LEVEL
