// MoMo and MoMo-Adam: momentum, by a step size that follows from a model of the loss; and what that is made of.
#pragma once
#include "kernels/arithmetic.hpp"

namespace fastopt::FASTOPT_LEVEL {

template <class T> struct momo_direction {
    T beta, take, keep, step;
    void operator()(T& p, T g, T& m, Result<T> back) const {
        m = beta * m + take * g;
        back = g * p;
        p = m * p;
    }
};

template <class T> struct momo {
    T beta, take, keep, step;
    void operator()(T& p, T g, T& m) const {
        m = beta * m + take * g;
        p = keep * p - step * m;
    }
};

template <class T> struct momo_adam_direction {
    T beta, take, beta2, take2, correct, eps, keep, step;
    void operator()(T& p, T g, T& m, T v, Result<T> back) const {
        m = beta * m + take * g;
        v = beta2 * v + take2 * g * g;
        back = g * p;
        p = m * p;
        m = m * m / (root(correct * v) + eps);
    }
};

template <class T> struct momo_adam {
    T beta, take, beta2, take2, correct, eps, keep, step;
    void operator()(T& p, T g, T& m, T& v) const {
        m = beta * m + take * g;
        v = beta2 * v + take2 * g * g;
        p = keep * p - step * m / (root(correct * v) + eps);
    }
};

FASTOPT_DIRECTION(momo_direction)
FASTOPT_RULE(momo)
FASTOPT_DIRECTION(momo_adam_direction)
FASTOPT_RULE(momo_adam)

}  // namespace fastopt::FASTOPT_LEVEL
