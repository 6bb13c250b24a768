// SPlus: the step along what has become of the gradient as a whole, and the average of where it leads, before
// the decay.
#pragma once
#include "kernels/arithmetic.hpp"

namespace fastopt::FASTOPT_LEVEL {

template <class T> struct splus_gradient {
    T step, share, keep;
    void operator()(Result<T> p, T g, Unread, Unread) const { p = g; }
};

template <class T> struct splus {
    T step, share, keep;
    void operator()(T& p, T, T& average, T& o) const {
        p = p - step * o;
        average = average + share * (p - average);
        p = keep * p;
    }
};

// To the average, which stands in place of a gradient.
template <class T> struct splus_average {
    T share;
    void operator()(T& p, T g) const { p = share * g; }
};

FASTOPT_DIRECTION(splus_gradient)
FASTOPT_RULE(splus)
FASTOPT_MOVE(splus_average)

}  // namespace fastopt::FASTOPT_LEVEL
