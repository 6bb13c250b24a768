// Adaptive sharpness-aware minimization: what python/fastopt/moves/sharpness.py moves parameters with.
#pragma once
#include "kernels/arithmetic.hpp"

namespace fastopt::FASTOPT_LEVEL {

// The gradient times |p| + eta, in place of a copy of p; the move is divided by the norm of these.
template <class T> struct weighed {
    T eta;
    void operator()(T& p, T g) const { p = (absolute(p) + eta) * g; }
};

template <class T> struct perturb_adaptively {
    T scale, eta;
    void operator()(T& p, T g) const {
        const T reach = absolute(p) + eta;
        p = p + reach * (scale * (reach * g));    // products that stay in range
    }
};

FASTOPT_MOVE(weighed)
FASTOPT_MOVE(perturb_adaptively)

}  // namespace fastopt::FASTOPT_LEVEL
