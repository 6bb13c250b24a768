// Running means of estimates of the Hessian's diagonal, and of their squares, in place of a parameter: what
// python/fastopt/step/estimates.py changes a state with.
#pragma once
#include "kernels/arithmetic.hpp"

namespace fastopt::FASTOPT_LEVEL {

template <class T> struct mean_of_estimates {
    T keep, take;
    void operator()(T& p, T g) const { p = keep * p + take * g; }
};

template <class T> struct mean_of_squared_estimates {
    T keep, take;
    void operator()(T& p, T g) const { p = keep * p + take * g * g; }
};

FASTOPT_MOVE(mean_of_estimates)
FASTOPT_MOVE(mean_of_squared_estimates)

}  // namespace fastopt::FASTOPT_LEVEL
