// Transforms of gradients, whose results are in place of a parameter; what is measured for them, and reduced to rows.
// python/fastopt/step/transforms.py changes gradients with them, and python/fastopt/algorithm/transforms.py is the
// same text in Python.
#pragma once
#include "kernels/arithmetic.hpp"

namespace fastopt::FASTOPT_LEVEL {

template <class T> struct grokfast {
    T keep, take, more;
    void operator()(T& p, T g, T& slow, T& now) const {
        now = keep * slow + take * g;
        p = g + more * now;
    }
};

template <class T> struct orthogonal_look {
    T along, length;
    void operator()(Result<T> p, T g, T& w, Result<T> dot) const {
        p = g - along * w;
        dot = w * g;
    }
};

template <class T> struct orthogonal {
    T along, length;
    void operator()(T& p, T g, T& w) const { p = length * (g - along * w); }
};

template <class T> struct row_values {
    T scale;
    void operator()(Unread, T g, Result<T> mean, Result<T> factor) const { mean = factor = g; }
};

template <class T> struct row_squares {
    T scale;
    void operator()(Unread, T g, T& mean, Result<T> factor) const {
        const T x = scale * (g - mean);
        mean = factor = x * x;
    }
};

template <class T> struct by_rows {
    T scale;
    void operator()(T& p, T g, T& mean, T& factor) const { p = factor * (g - mean); }
};

FASTOPT_MOVE(grokfast)
FASTOPT_DIRECTION(orthogonal_look)
FASTOPT_MOVE(orthogonal)
FASTOPT_DIRECTION(row_values)
FASTOPT_DIRECTION(row_squares)
FASTOPT_MOVE(by_rows)

}  // namespace fastopt::FASTOPT_LEVEL
