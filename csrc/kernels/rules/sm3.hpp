// SM3: Adagrad, whose sum for an element is at most the smallest of those kept for its row and its column.
#pragma once
#include "kernels/arithmetic.hpp"

namespace fastopt::FASTOPT_LEVEL {

template <class T> struct sm3_sums {
    T keep, take, eps, momentum, share, zero, step;
    void operator()(Unread, T g, Unread, T& row, T& column) const {
        row = column = keep * minimum(row, column) + take * g * g;
    }
};

template <class T> struct sm3 {
    T keep, take, eps, momentum, share, zero, step;
    void operator()(T& p, T g, T& m, T& row, T& column) const {
        const T n = keep * minimum(row, column) + take * g * g;
        m = momentum * m + share * select(n > zero, g / root(n + eps), zero);
        p = p - step * m;
    }
};

FASTOPT_DIRECTION(sm3_sums)
FASTOPT_RULE(sm3)

}  // namespace fastopt::FASTOPT_LEVEL
