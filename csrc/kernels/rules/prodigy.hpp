// Prodigy: Adam's step, as long as the distance that is estimated; and what the estimate is made of.
#pragma once
#include "kernels/arithmetic.hpp"

namespace fastopt::FASTOPT_LEVEL {

template <class T> struct prodigy_direction {
    T begin, beta1, take1, beta2, take2, beta3, take3, weight, keep, step, eps;
    void operator()(T& p, T g, Unread, Unread, T& s, T start) const {
        start = start + begin * (p - start);
        s = absolute(beta3 * s + take3 * g);
        p = weight * g * (start - p);
    }
};

template <class T> struct prodigy {
    T begin, beta1, take1, beta2, take2, beta3, take3, weight, keep, step, eps;
    void operator()(T& p, T g, T& m, T& v, T& s, T& start) const {
        start = start + begin * (p - start);
        m = beta1 * m + take1 * g;
        v = beta2 * v + take2 * g * g;
        s = beta3 * s + take3 * g;
        p = keep * p - step * m / (root(v) + eps);
    }
};

FASTOPT_DIRECTION(prodigy_direction)
FASTOPT_RULE(prodigy)

}  // namespace fastopt::FASTOPT_LEVEL
