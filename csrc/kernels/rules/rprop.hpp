// Rprop: each element has a step of its own, longer after gradients of one sign, shorter after a change.
#pragma once
#include "kernels/arithmetic.hpp"

namespace fastopt::FASTOPT_LEVEL {

template <class T> struct rprop {
    T keep, start, shorter, longer, shortest, longest, zero, one;
    void operator()(T& p, T g, T& g_prev, T& d) const {
        const T direction = sign(g);
        const T same = direction * g_prev;    // of their product the sign can be lost
        const T factor = select(same > zero, longer, one) * select(same < zero, shorter, one);
        d = clip(factor * (keep * d + start), shortest, longest);
        g_prev = select(same < zero, zero, g);
        p = p - select(same < zero, zero, direction) * d;
    }
};

FASTOPT_LONG_RULE(rprop)

}  // namespace fastopt::FASTOPT_LEVEL
