// Sophia: the first moment over the curvature, which steps read alone, and no further than a limit.
#pragma once
#include "kernels/arithmetic.hpp"

namespace fastopt::FASTOPT_LEVEL {

template <class T> struct sophia {
    T beta1, one_minus_beta1, unbias, scale, least, more, limit, lr;
    void operator()(T& p, T g, T& m, T& h) const {
        m = beta1 * m + one_minus_beta1 * g;
        p = p - lr * bounded(unbias * m / (maximum(scale * h, least) + more), limit);
    }
};

FASTOPT_RULE(sophia)

}  // namespace fastopt::FASTOPT_LEVEL
