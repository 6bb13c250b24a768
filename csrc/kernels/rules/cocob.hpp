// COCOB-Backprop: how far to go from the start is bet on the sign of the gradients, from what was won before.
#pragma once
#include "kernels/arithmetic.hpp"

namespace fastopt::FASTOPT_LEVEL {

template <class T> struct cocob {
    T lr, alpha, begin;    // begin: 1 at the first step
    void operator()(T& p, T g, T& start, T& largest, T& total, T& reward, T& slope) const {
        start = start + begin * (p - start);
        largest = maximum(largest, absolute(g));
        total = total + absolute(g);
        reward = nonnegative(reward - g * (p - start));
        slope = slope - g;
        const T bet = slope / largest * ((largest + reward) / maximum(total + largest, alpha * largest));
        p = p + lr * (start + bet - p);
    }
};

FASTOPT_LONG_RULE(cocob)

}  // namespace fastopt::FASTOPT_LEVEL
