// Noisy SGD: the gradient, to which noise is added as a whole, and the step along both.
#pragma once
#include "kernels/arithmetic.hpp"

namespace fastopt::FASTOPT_LEVEL {

template <class T> struct noisy_sgd_gradient {
    T step;
    void operator()(T& p, T g, T&) const { p = g; }
};

template <class T> struct noisy_sgd {
    T step;
    void operator()(T& p, T, T& noisy) const { p = p - step * noisy; }
};

FASTOPT_DIRECTION(noisy_sgd_gradient)
FASTOPT_RULE(noisy_sgd)

}  // namespace fastopt::FASTOPT_LEVEL
