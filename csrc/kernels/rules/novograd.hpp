// NovoGrad: momentum of gradients that are divided by a running norm of each array.
#pragma once
#include "kernels/arithmetic.hpp"

namespace fastopt::FASTOPT_LEVEL {

template <class T> struct novograd {
    T beta1, take, denominator, decay, lr;
    void operator()(T& p, T g, T& m) const {
        m = beta1 * m + take * (g / denominator + decay * p);
        p = p - lr * m;
    }
};

template <class T> struct novograd_gradient {
    T beta1, take, denominator, decay, lr;
    void operator()(Result<T> p, T g, Unread) const { p = g; }
};

FASTOPT_RULE(novograd)
FASTOPT_DIRECTION(novograd_gradient)

}  // namespace fastopt::FASTOPT_LEVEL
