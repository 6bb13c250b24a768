// Schedule-Free SGD, AdamW and RAdam. p is y, where gradients are taken, and z is where plain steps lead; the
// average x of z, where the model is used, lies behind y as seen from z.
#pragma once
#include "kernels/arithmetic.hpp"

namespace fastopt::FASTOPT_LEVEL {

template <class T> struct sgd_schedule_free {
    T begin, mix, step, lr;    // begin: 1 at the first step; mix: the weight of this one in the average
    void operator()(T& p, T g, T& z) const {
        z = z + begin * (p - z);
        p = p + mix * (z - p) - step * g;
        z = z - lr * g;
    }
};

template <class T> struct adamw_schedule_free {
    T beta2, one_minus_beta2, unbias, eps, decay, begin, mix, step, lr;
    void operator()(T& p, T g, T& z, T& v) const {
        z = z + begin * (p - z);
        v = beta2 * v + one_minus_beta2 * g * g;
        const T d = g / (root(v) * unbias + eps) + decay * p;
        p = p + mix * (z - p) - step * d;
        z = z - lr * d;
    }
};

template <class T> struct radam_schedule_free {
    T beta2, one_minus_beta2, unbias, eps, decay, begin, mix, step, lr, plain, one;    // plain: 1 or 0
    void operator()(T& p, T g, T& z, T& v) const {
        z = z + begin * (p - z);
        v = beta2 * v + one_minus_beta2 * g * g;
        const T d = g / select(plain == one, one, root(v) * unbias + eps) + decay * p;
        p = p + mix * (z - p) - step * d;
        z = z - lr * d;
    }
};

// From y to x, with z in place of a gradient.
template <class T> struct schedule_free_average {
    T weight;
    void operator()(T& p, T g) const { p = p + weight * (g - p); }
};

FASTOPT_RULE(sgd_schedule_free)
FASTOPT_RULE(adamw_schedule_free)
FASTOPT_RULE(radam_schedule_free)
FASTOPT_MOVE(schedule_free_average)

}  // namespace fastopt::FASTOPT_LEVEL
