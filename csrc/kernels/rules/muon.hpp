// Muon: momentum, and the step along what becomes of it as a matrix, which is done between the two.
#pragma once
#include "kernels/arithmetic.hpp"

namespace fastopt::FASTOPT_LEVEL {

template <class T> struct muon_direction {
    T mu, take, step_g, step_m, step;
    void operator()(Result<T> p, T g, T m, Unread) const {
        m = mu * m + take * g;
        p = step_g * g + step_m * m;
    }
};

template <class T> struct muon {
    T mu, take, step_g, step_m, step;
    void operator()(T& p, T g, T& m, T& o) const {
        m = mu * m + take * g;
        p = p - step * o;
    }
};

FASTOPT_DIRECTION(muon_direction)
FASTOPT_RULE(muon)

}  // namespace fastopt::FASTOPT_LEVEL
