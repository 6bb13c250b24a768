// Shampoo with momentum: a mix of the gradient and what the one before has become, and the step along what
// becomes of that as a whole.
#pragma once
#include "kernels/arithmetic.hpp"

namespace fastopt::FASTOPT_LEVEL {

template <class T> struct shampoo_direction {
    T take, momentum, decay, step;
    void operator()(T& p, T g, T b, Unread) const { p = take * g + momentum * b + decay * p; }
};

template <class T> struct shampoo {
    T take, momentum, decay, step;
    void operator()(T& p, T, T& b, T& o) const {
        p = p - step * o;
        b = o;
    }
};

FASTOPT_DIRECTION(shampoo_direction)
FASTOPT_RULE(shampoo)

}  // namespace fastopt::FASTOPT_LEVEL
