// AdamP and SGDP: steps of Adam and SGD without a share of the parameter, which is one number for a row; and the
// products whose sums tell how large that is.
#pragma once
#include "kernels/arithmetic.hpp"

namespace fastopt::FASTOPT_LEVEL {

template <class T> struct adamp_products {
    T beta1, take1, beta2, take2, step_g, step_m, unbias, eps, step;
    void operator()(T p, T g, T m, T v, Result<T> share, Result<T> keep, Result<T> dot, Result<T> squares) const {
        m = beta1 * m + take1 * g;
        v = beta2 * v + take2 * g * g;
        share = (step_g * g + step_m * m) / (root(v) * unbias + eps) * p;
        keep = p * p;
        dot = g * p;
        squares = g * g;
    }
};

template <class T> struct adamp {
    T beta1, take1, beta2, take2, step_g, step_m, unbias, eps, step;
    void operator()(T& p, T g, T& m, T& v, T& share, T& keep, T&, T&) const {
        m = beta1 * m + take1 * g;
        v = beta2 * v + take2 * g * g;
        const T u = (step_g * g + step_m * m) / (root(v) * unbias + eps);
        p = keep * p - step * (u - share * p);
    }
};

template <class T> struct sgdp_products {
    T momentum, take, step_g, step_b, step;
    void operator()(T p, T g, T b, Result<T> share, Result<T> keep, Result<T> dot, Result<T> squares) const {
        b = momentum * b + take * g;
        share = (step_g * g + step_b * b) * p;
        keep = p * p;
        dot = g * p;
        squares = g * g;
    }
};

template <class T> struct sgdp {
    T momentum, take, step_g, step_b, step;
    void operator()(T& p, T g, T& b, T& share, T& keep, T&, T&) const {
        b = momentum * b + take * g;
        p = keep * p - step * (step_g * g + step_b * b - share * p);
    }
};

FASTOPT_DIRECTION(adamp_products)
FASTOPT_RULE(adamp)
FASTOPT_DIRECTION(sgdp_products)
FASTOPT_RULE(sgdp)

}  // namespace fastopt::FASTOPT_LEVEL
