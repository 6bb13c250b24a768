// Adam and Adagrad with one second moment for a block, such as a row; and the squares, which are summed to it.
#pragma once
#include "kernels/arithmetic.hpp"

namespace fastopt::FASTOPT_LEVEL {

template <class T> struct adam_mini_squares {
    T beta1, take1, unbias, eps, step;
    void operator()(Unread, T g, Unread, Result<T> block) const { block = g * g; }
};

template <class T> struct adam_mini {
    T beta1, take1, unbias, eps, step;
    void operator()(T& p, T g, T& m, T& block) const {
        m = beta1 * m + take1 * g;
        p = p - step * m / (root(block) * unbias + eps);
    }
};

template <class T> struct rowwise_adagrad_squares {
    T eps, step;
    void operator()(Unread, T g, Result<T> row) const { row = g * g; }
};

template <class T> struct rowwise_adagrad {
    T eps, step;
    void operator()(T& p, T g, T& row) const { p = p - step * (g / (root(row) + eps)); }
};

FASTOPT_DIRECTION(adam_mini_squares)
FASTOPT_RULE(adam_mini)
FASTOPT_DIRECTION(rowwise_adagrad_squares)
FASTOPT_RULE(rowwise_adagrad)

}  // namespace fastopt::FASTOPT_LEVEL
