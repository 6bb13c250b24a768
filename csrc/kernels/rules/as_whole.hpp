// SOAP, Scion and others: the gradient, and the step along what has become of it as a whole, which is done
// between the two.
#pragma once
#include "kernels/arithmetic.hpp"

namespace fastopt::FASTOPT_LEVEL {

template <class T> struct as_whole_gradient {
    T step;
    void operator()(Result<T> p, T g, Unread) const { p = g; }
};

template <class T> struct as_whole {
    T step;
    void operator()(T& p, T, T& o) const { p = p - step * o; }
};

FASTOPT_DIRECTION(as_whole_gradient)
FASTOPT_RULE(as_whole)

}  // namespace fastopt::FASTOPT_LEVEL
