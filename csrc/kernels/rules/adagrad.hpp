// Adagrad: the step shrinks with the sum of all squared gradients.
#pragma once
#include "kernels/arithmetic.hpp"

namespace fastopt::FASTOPT_LEVEL {

template <class T> struct adagrad {
    T lr, eps_root, eps;    // eps_root stands inside the square root, eps outside
    void operator()(T& p, T g, T& a) const {
        a = a + g * g;
        p = p - lr * g / (root(a + eps_root) + eps);
    }
};

FASTOPT_RULE(adagrad)

}  // namespace fastopt::FASTOPT_LEVEL
