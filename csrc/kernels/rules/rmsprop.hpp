// RMSprop: the step is divided by a running root mean square of the gradient; centered takes the
// gradient's variance instead, momentum keeps a buffer of the divided gradients, Nesterov's looks one
// buffer update ahead. All take the same scalars, though not each needs every one.
#pragma once
#include "kernels/arithmetic.hpp"

namespace fastopt::FASTOPT_LEVEL {

template <class T> struct rmsprop {
    T alpha, one_minus_alpha, correct_mean, eps_root, unbias, eps, lr, mu, take;
    void operator()(T& p, T g, T& v) const {
        v = alpha * v + one_minus_alpha * g * g;
        p = p - lr * g / (root(v + eps_root) * unbias + eps);
    }
};

template <class T> struct rmsprop_momentum {
    T alpha, one_minus_alpha, correct_mean, eps_root, unbias, eps, lr, mu, take;
    void operator()(T& p, T g, T& v, T& b) const {
        v = alpha * v + one_minus_alpha * g * g;
        b = mu * b + take * g / (root(v + eps_root) * unbias + eps);
        p = p - lr * b;
    }
};

template <class T> struct rmsprop_nesterov {
    T alpha, one_minus_alpha, correct_mean, eps_root, unbias, eps, lr, mu, take;
    void operator()(T& p, T g, T& v, T& b) const {
        v = alpha * v + one_minus_alpha * g * g;
        const T d = take * g / (root(v + eps_root) * unbias + eps);
        b = mu * b + d;
        p = p - lr * (d + mu * b);
    }
};

// Rounding can leave v a little below the square of the mean; the variance is then zero.
template <class T> struct rmsprop_centered {
    T alpha, one_minus_alpha, correct_mean, eps_root, unbias, eps, lr, mu, take;
    void operator()(T& p, T g, T& v, T& g_mean) const {
        v = alpha * v + one_minus_alpha * g * g;
        g_mean = alpha * g_mean + one_minus_alpha * g;
        const T variance = nonnegative(v - correct_mean * g_mean * g_mean);
        p = p - lr * g / (root(variance + eps_root) * unbias + eps);
    }
};

template <class T> struct rmsprop_centered_momentum {
    T alpha, one_minus_alpha, correct_mean, eps_root, unbias, eps, lr, mu, take;
    void operator()(T& p, T g, T& v, T& g_mean, T& b) const {
        v = alpha * v + one_minus_alpha * g * g;
        g_mean = alpha * g_mean + one_minus_alpha * g;
        const T variance = nonnegative(v - correct_mean * g_mean * g_mean);
        b = mu * b + take * g / (root(variance + eps_root) * unbias + eps);
        p = p - lr * b;
    }
};

template <class T> struct rmsprop_centered_nesterov {
    T alpha, one_minus_alpha, correct_mean, eps_root, unbias, eps, lr, mu, take;
    void operator()(T& p, T g, T& v, T& g_mean, T& b) const {
        v = alpha * v + one_minus_alpha * g * g;
        g_mean = alpha * g_mean + one_minus_alpha * g;
        const T variance = nonnegative(v - correct_mean * g_mean * g_mean);
        const T d = take * g / (root(variance + eps_root) * unbias + eps);
        b = mu * b + d;
        p = p - lr * (d + mu * b);
    }
};

FASTOPT_RULE(rmsprop)
FASTOPT_RULE(rmsprop_momentum)
FASTOPT_RULE(rmsprop_nesterov)
FASTOPT_RULE(rmsprop_centered)
FASTOPT_RULE(rmsprop_centered_momentum)
FASTOPT_RULE(rmsprop_centered_nesterov)

}  // namespace fastopt::FASTOPT_LEVEL
