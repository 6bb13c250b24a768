// The sum of gradients, in place of a parameter: what python/fastopt/step/accumulator.py adds up with.
#pragma once
#include "kernels/arithmetic.hpp"

namespace fastopt::FASTOPT_LEVEL {

template <class T> struct accumulate {
    T take;
    void operator()(T& p, T g) const { p = p + take * g; }
};

FASTOPT_MOVE(accumulate)

}  // namespace fastopt::FASTOPT_LEVEL
