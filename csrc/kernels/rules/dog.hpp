// DoG, L-DoG, DoWG: plain steps, as long as the way from the start is over the gradients until now.
#pragma once
#include "kernels/arithmetic.hpp"

namespace fastopt::FASTOPT_LEVEL {

template <class T> struct dog_direction {
    T begin, keep, step;
    void operator()(T& p, T g, T start, Result<T> grad) const {
        start = start + begin * (p - start);
        p = p - start;
        grad = g;
    }
};

template <class T> struct dog {
    T begin, keep, step;
    void operator()(T& p, T g, T& start) const {
        start = start + begin * (p - start);
        p = keep * p - step * g;
    }
};

FASTOPT_DIRECTION(dog_direction)
FASTOPT_RULE(dog)

}  // namespace fastopt::FASTOPT_LEVEL
