// MARS: steps of AdamW and Lion with gradients that are corrected by how they have changed; and the corrected
// gradient by itself, whose norm limits it.
#pragma once
#include "kernels/arithmetic.hpp"

namespace fastopt::FASTOPT_LEVEL {

template <class T> struct mars_gradient {
    T limit, change, beta1, take1, beta2, take2, unbias, eps, step;
    void operator()(Result<T> p, T g, Unread, Unread, T g_prev) const { p = g + change * (g - g_prev); }
};

template <class T> struct mars {
    T limit, change, beta1, take1, beta2, take2, unbias, eps, step;
    void operator()(T& p, T g, T& m, T& v, T& g_prev) const {
        const T corrected = limit * (g + change * (g - g_prev));
        m = beta1 * m + take1 * corrected;
        v = beta2 * v + take2 * corrected * corrected;
        p = p - step * m / (root(v) * unbias + eps);
        g_prev = g;
    }
};

template <class T> struct mars_lion_gradient {
    T limit, change, beta1, take1, step;
    void operator()(Result<T> p, T g, Unread, T g_prev) const { p = g + change * (g - g_prev); }
};

template <class T> struct mars_lion {
    T limit, change, beta1, take1, step;
    void operator()(T& p, T g, T& m, T& g_prev) const {
        m = beta1 * m + take1 * (limit * (g + change * (g - g_prev)));
        p = p - step * sign(m);
        g_prev = g;
    }
};

FASTOPT_DIRECTION(mars_gradient)
FASTOPT_RULE(mars)
FASTOPT_DIRECTION(mars_lion_gradient)
FASTOPT_RULE(mars_lion)

}  // namespace fastopt::FASTOPT_LEVEL
