// Adafactor: the gradient over the root of a second moment that is the product of one number for each row and one
// for each column; and the squares, which are summed to both.
#pragma once
#include "kernels/arithmetic.hpp"

namespace fastopt::FASTOPT_LEVEL {

template <class T> struct adafactor_squares {
    T eps0, beta1, take1, step;
    void operator()(Unread, T g, Result<T> row, Result<T> column, Unread) const { row = column = g * g + eps0; }
};

template <class T> struct adafactor_direction {
    T eps0, beta1, take1, step;
    void operator()(Result<T> p, T g, T row, T column, T floor) const {
        p = g / root(maximum(row * column, floor));
    }
};

template <class T> struct adafactor {
    T eps0, beta1, take1, step;
    void operator()(T& p, T g, T& row, T& column, T& floor) const {
        p = p - step * (g / root(maximum(row * column, floor)));
    }
};

template <class T> struct adafactor_momentum_squares {
    T eps0, beta1, take1, step;
    void operator()(Unread, T g, Unread, Result<T> row, Result<T> column, Unread) const { row = column = g * g + eps0; }
};

template <class T> struct adafactor_momentum_direction {
    T eps0, beta1, take1, step;
    void operator()(Result<T> p, T g, Unread, T row, T column, T floor) const {
        p = g / root(maximum(row * column, floor));
    }
};

template <class T> struct adafactor_momentum {
    T eps0, beta1, take1, step;
    void operator()(T& p, T g, T& m, T& row, T& column, T& floor) const {
        m = beta1 * m + take1 * (step * (g / root(maximum(row * column, floor))));
        p = p - m;
    }
};

FASTOPT_DIRECTION(adafactor_squares)
FASTOPT_DIRECTION(adafactor_direction)
FASTOPT_RULE(adafactor)
FASTOPT_DIRECTION(adafactor_momentum_squares)
FASTOPT_DIRECTION(adafactor_momentum_direction)
FASTOPT_RULE(adafactor_momentum)

}  // namespace fastopt::FASTOPT_LEVEL
