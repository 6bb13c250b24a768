// What rides along in the sweep around the rule: gradient scale, clipping by value, weight decay and the
// L1 penalty. Their Python text is python/fastopt/algorithm/stages.py; the scalars stand in the same order there. A
// stage has a part before the rule, and one after it, which may also see what the parameter was.
#pragma once

// All of them, in the order of STAGES there. Most steps take the first two, which are compiled with each rule,
// and with a few rules the third; the others are tile operations.
#define FASTOPT_STAGES(each) \
    each(bare) each(decoupled) each(coupled) each(cautious) each(l1) each(cautious_l1)

#ifdef FASTOPT_LEVEL    // which is compiled: the plan knows stages by their numbers
#include "kernels/arithmetic.hpp"

namespace fastopt::FASTOPT_LEVEL {

// All stages have the same scalars, though not each needs every one; `agree` is for what is done between their
// parts, see kernels/tiles.hpp.
template <class T> struct StageScalars {
    T scale, limit, decay, keep, keep_after, shrink, slope, threshold, agree;
};

// Nothing: what the others do with scalars that change nothing, in less time.
template <class T> struct bare {
    static constexpr bool sees_old = false;    // the part after the rule, which needs a copy for that
    explicit bare(const StageScalars<T>&) {}
    void before(T&, T&) const {}
    void after(T&, T) const {}
};

// Decoupled weight decay: the parameter shrinks, the gradient does not know.
template <class T> struct decoupled {
    static constexpr bool sees_old = false;
    T scale, limit, keep, keep_after;
    explicit decoupled(const StageScalars<T>& s)
        : scale(s.scale), limit(s.limit), keep(s.keep), keep_after(s.keep_after) {}
    void before(T& p, T& g) const {
        g = bounded(scale * g, limit);
        p = keep * p;
    }
    void after(T& p, T) const { p = keep_after * p; }
    // Whether the part after the rule changes nothing.
    bool ends_before() const { return keep_after == T(1); }
};

// Coupled weight decay (L2): the gradient of decay / 2 * p * p is added. A stage of its own, because
// 0 * p is not 0 where p is infinite.
template <class T> struct coupled : decoupled<T> {
    T decay;
    explicit coupled(const StageScalars<T>& s) : decoupled<T>(s), decay(s.decay) {}
    void before(T& p, T& g) const {
        g = bounded(this->scale * g, this->limit);
        g = g + decay * p;
        p = this->keep * p;
    }
};

// Decoupled weight decay where the rule has not moved the parameter away from zero.
template <class T> struct cautious {
    static constexpr bool sees_old = true;
    T scale, limit, shrink, keep_after;
    explicit cautious(const StageScalars<T>& s)
        : scale(s.scale), limit(s.limit), shrink(s.shrink), keep_after(s.keep_after) {}
    void before(T&, T& g) const { g = bounded(scale * g, limit); }
    void after(T& p, T old) const { p = outward(p, old) ? p : keep_after * (p - shrink * old); }
};

// The L1 penalty, with weight decay of any kind: its slope joins the gradient, or the parameter moves
// towards zero by the threshold and no further; one of the two is 0. Here and in the others that most
// steps do not take, 0 * p is not kept from making NaN of an infinite p.
template <class T> struct l1 : coupled<T> {
    T slope, threshold;
    explicit l1(const StageScalars<T>& s) : coupled<T>(s), slope(s.slope), threshold(s.threshold) {}
    void before(T& p, T& g) const {
        g = bounded(this->scale * g, this->limit);
        g = g + this->decay * p;
        g = g + slope * sign(p);
        p = this->keep * p;
    }
    void after(T& p, T) const {
        p = p - bounded(p, threshold);
        p = this->keep_after * p;
    }
    bool ends_before() const { return false; }
};

// The L1 penalty with cautious weight decay.
template <class T> struct cautious_l1 : cautious<T> {
    T slope, threshold;
    explicit cautious_l1(const StageScalars<T>& s)
        : cautious<T>(s), slope(s.slope), threshold(s.threshold) {}
    void before(T& p, T& g) const {
        g = bounded(this->scale * g, this->limit);
        g = g + slope * sign(p);
    }
    void after(T& p, T old) const {
        const bool away = outward(p, old);
        const T shrunk = away ? p : p - this->shrink * old;
        p = shrunk - bounded(shrunk, threshold);
        p = away ? p : this->keep_after * p;
    }
};

}  // namespace fastopt::FASTOPT_LEVEL
#endif
