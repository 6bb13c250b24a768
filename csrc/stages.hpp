// What rides along in the sweep around the rule: gradient scale, clipping by value and weight decay. Their
// Python text is python/fastopt/stages.py; the scalars stand in the same order there.
#pragma once
#include "arithmetic.hpp"

namespace fastopt::FASTOPT_LEVEL {

// Nothing: what the others do with scalars that change nothing, in less time.
template <class T> struct bare {
    T scale, limit, decay, keep, keep_after;
    void before(T&, T&) const {}
    void after(T&) const {}
};

// Decoupled weight decay: the parameter shrinks, the gradient does not know.
template <class T> struct decoupled {
    T scale, limit, decay, keep, keep_after;
    void before(T& p, T& g) const {
        g = bounded(scale * g, limit);
        p = keep * p;
    }
    void after(T& p) const { p = keep_after * p; }
};

// Coupled weight decay (L2): the gradient of decay / 2 * p * p is added. A stage of its own, because
// 0 * p is not 0 where p is infinite.
template <class T> struct coupled {
    T scale, limit, decay, keep, keep_after;
    void before(T& p, T& g) const {
        g = bounded(scale * g, limit);
        g = g + decay * p;
        p = keep * p;
    }
    void after(T& p) const { p = keep_after * p; }
};

}  // namespace fastopt::FASTOPT_LEVEL
