// Stochastic gradient descent, alone, with momentum, with Nesterov's momentum.
#pragma once
#include "kernels/arithmetic.hpp"

namespace fastopt::FASTOPT_LEVEL {

template <class T> struct sgd {
    T lr;
    void operator()(T& p, T g) const { p = p - lr * g; }
};

template <class T> struct momentum {
    T mu, take, lr;    // take: the share of g that enters the buffer
    void operator()(T& p, T g, T& b) const {
        b = mu * b + take * g;
        p = p - lr * b;
    }
};

template <class T> struct nesterov {
    T mu, take, step_g, step_b;    // the step looks one buffer update ahead
    void operator()(T& p, T g, T& b) const {
        b = mu * b + take * g;
        p = p - (step_g * g + step_b * b);
    }
};

FASTOPT_POPULAR_RULE(sgd)
FASTOPT_POPULAR_RULE(momentum)
FASTOPT_POPULAR_RULE(nesterov)

}  // namespace fastopt::FASTOPT_LEVEL
