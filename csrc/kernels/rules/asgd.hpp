// Averaged SGD: a learning rate that falls, and the mean of the parameters beside them.
#pragma once
#include "kernels/arithmetic.hpp"

namespace fastopt::FASTOPT_LEVEL {

template <class T> struct asgd {
    T keep, lr, share, one;
    void operator()(T& p, T g, T& average) const {
        p = keep * p - lr * g;
        average = select(share == one, p, average + share * (p - average));
    }
};

FASTOPT_RULE(asgd)

}  // namespace fastopt::FASTOPT_LEVEL
