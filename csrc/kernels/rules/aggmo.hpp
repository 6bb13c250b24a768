// AggMo: the mean of several momentum buffers, from two to five of them.
#pragma once
#include "kernels/arithmetic.hpp"

namespace fastopt::FASTOPT_LEVEL {

template <class T> struct aggmo2 {
    T beta1, beta2, lr;
    void operator()(T& p, T g, T& b1, T& b2) const {
        b1 = beta1 * b1 + g;
        b2 = beta2 * b2 + g;
        p = p - lr * (b1 + b2);
    }
};

template <class T> struct aggmo3 {
    T beta1, beta2, beta3, lr;
    void operator()(T& p, T g, T& b1, T& b2, T& b3) const {
        b1 = beta1 * b1 + g;
        b2 = beta2 * b2 + g;
        b3 = beta3 * b3 + g;
        p = p - lr * (b1 + b2 + b3);
    }
};

template <class T> struct aggmo4 {
    T beta1, beta2, beta3, beta4, lr;
    void operator()(T& p, T g, T& b1, T& b2, T& b3, T& b4) const {
        b1 = beta1 * b1 + g;
        b2 = beta2 * b2 + g;
        b3 = beta3 * b3 + g;
        b4 = beta4 * b4 + g;
        p = p - lr * (b1 + b2 + b3 + b4);
    }
};

template <class T> struct aggmo5 {
    T beta1, beta2, beta3, beta4, beta5, lr;
    void operator()(T& p, T g, T& b1, T& b2, T& b3, T& b4, T& b5) const {
        b1 = beta1 * b1 + g;
        b2 = beta2 * b2 + g;
        b3 = beta3 * b3 + g;
        b4 = beta4 * b4 + g;
        b5 = beta5 * b5 + g;
        p = p - lr * (b1 + b2 + b3 + b4 + b5);
    }
};

FASTOPT_RULE(aggmo2)
FASTOPT_RULE(aggmo3)
FASTOPT_LONG_RULE(aggmo4)
FASTOPT_LONG_RULE(aggmo5)

}  // namespace fastopt::FASTOPT_LEVEL
