// Adadelta: the step is measured in the units of the steps before it.
#pragma once
#include "kernels/arithmetic.hpp"

namespace fastopt::FASTOPT_LEVEL {

template <class T> struct adadelta {
    T rho, one_minus_rho, lr, eps;
    void operator()(T& p, T g, T& v, T& u) const {
        v = rho * v + one_minus_rho * g * g;
        const T d = root(u + eps) / root(v + eps) * g;
        u = rho * u + one_minus_rho * d * d;
        p = p - lr * d;
    }
};

FASTOPT_RULE(adadelta)

}  // namespace fastopt::FASTOPT_LEVEL
