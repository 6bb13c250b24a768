// LARS: SGD whose gradient is scaled by norms of each array; and the gradient as what is measured.
#pragma once
#include "kernels/arithmetic.hpp"

namespace fastopt::FASTOPT_LEVEL {

template <class T> struct lars {
    T ratio, decay, lr;
    void operator()(T& p, T g) const { p = p - lr * (ratio * (g + decay * p)); }
};

template <class T> struct lars_gradient {
    T ratio, decay, lr;
    void operator()(Result<T> p, T g) const { p = g; }
};

template <class T> struct lars_momentum {
    T ratio, decay, mu, take, step_g, step_b;
    void operator()(T& p, T g, T& b) const {
        g = ratio * (g + decay * p);
        b = mu * b + take * g;
        p = p - (step_g * g + step_b * b);
    }
};

template <class T> struct lars_momentum_gradient {
    T ratio, decay, mu, take, step_g, step_b;
    void operator()(Result<T> p, T g, Unread) const { p = g; }
};

FASTOPT_RULE(lars)
FASTOPT_DIRECTION(lars_gradient)
FASTOPT_RULE(lars_momentum)
FASTOPT_DIRECTION(lars_momentum_gradient)

}  // namespace fastopt::FASTOPT_LEVEL
