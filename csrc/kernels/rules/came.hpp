// CAME: Adafactor's direction, limited, as momentum, over the root of how far it is from that, which is a product of
// rows and columns as well.
#pragma once
#include "kernels/arithmetic.hpp"

namespace fastopt::FASTOPT_LEVEL {

template <class T> struct came_squares {
    T eps1, eps2, beta1, take1, limit, step;
    void operator()(Unread, T g, Unread, Result<T> row, Result<T> column, Unread, Unread) const { row = column = g * g + eps1; }
};

template <class T> struct came_direction {
    T eps1, eps2, beta1, take1, limit, step;
    void operator()(Result<T> p, T g, Unread, T row, T column, Unread, Unread) const { p = g / root(row * column); }
};

template <class T> struct came_distances {
    T eps1, eps2, beta1, take1, limit, step;
    void operator()(Unread, T g, T m, T row, T column, Result<T> far_row, Result<T> far_column) const {
        const T u = limit * (g / root(row * column));
        m = beta1 * m + take1 * u;
        const T d = u - m;
        far_row = far_column = d * d + eps2;
    }
};

template <class T> struct came {
    T eps1, eps2, beta1, take1, limit, step;
    void operator()(T& p, T g, T& m, T& row, T& column, T& far_row, T& far_column) const {
        const T u = limit * (g / root(row * column));
        m = beta1 * m + take1 * u;
        p = p - step * (m / root(far_row * far_column));
    }
};

FASTOPT_DIRECTION(came_squares)
FASTOPT_DIRECTION(came_direction)
FASTOPT_DIRECTION(came_distances)
FASTOPT_RULE(came)

}  // namespace fastopt::FASTOPT_LEVEL
