// Steps of Polyak's size: plain, or with momentum that looks ahead.
#pragma once
#include "kernels/arithmetic.hpp"

namespace fastopt::FASTOPT_LEVEL {

template <class T> struct polyak_gradient {
    T keep, step, momentum;
    void operator()(Result<T> p, T g) const { p = g; }
};

template <class T> struct polyak {
    T keep, step, momentum;
    void operator()(T& p, T g) const { p = keep * p - step * g; }
};

template <class T> struct polyak_momentum_gradient {
    T keep, step, momentum;
    void operator()(Result<T> p, T g, Unread) const { p = g; }
};

template <class T> struct polyak_momentum {
    T keep, step, momentum;
    void operator()(T& p, T g, T& b) const {
        b = momentum * b - step * g;
        p = keep * p - step * g + momentum * b;
    }
};

FASTOPT_DIRECTION(polyak_gradient)
FASTOPT_RULE(polyak)
FASTOPT_DIRECTION(polyak_momentum_gradient)
FASTOPT_RULE(polyak_momentum)

}  // namespace fastopt::FASTOPT_LEVEL
