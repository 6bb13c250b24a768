// Mechanic: steps of SGD, Adam and Lion, as far from the start as a scale that is learned; and what it is learned from.
#pragma once
#include "kernels/arithmetic.hpp"

namespace fastopt::FASTOPT_LEVEL {

// What every rule ends with: u is the step of its own.
template <class T, class Rule> inline T scaled_anew(const Rule& c, T p, T start, T u) {
    return start - (c.way * (start - p) + c.fade * p + c.scale * u);
}

// The direction of every rule, which looks at none of the states that are the rule's own.
template <class T, class Rule, class... Own> struct MechanicDirection : Rule {
    void operator()(T& p, T g, T start, Own..., Result<T> pull, Result<T> grad) const {
        const T back = start + this->begin * (p - start) - p;
        pull = p * back;
        grad = g;
        p = g * back;
    }
};

template <class T> struct mechanic_sgd {
    T begin, way, fade, scale;
    void operator()(T& p, T g, T& start) const {
        start = start + begin * (p - start);
        p = scaled_anew(*this, p, start, g);
    }
};

template <class T> struct mechanic_momentum {
    T begin, way, fade, scale, mu, step_g, step_b;
    void operator()(T& p, T g, T& start, T& b) const {
        start = start + begin * (p - start);
        b = mu * b + g;
        p = scaled_anew(*this, p, start, step_g * g + step_b * b);
    }
};

template <class T> struct mechanic_adam {
    T begin, way, fade, scale, beta1, take1, beta2, take2, unbias, eps;
    void operator()(T& p, T g, T& start, T& m, T& v) const {
        start = start + begin * (p - start);
        m = beta1 * m + take1 * g;
        v = beta2 * v + take2 * g * g;
        p = scaled_anew(*this, p, start, m / (root(v) * unbias + eps));
    }
};

template <class T> struct mechanic_lion {
    T begin, way, fade, scale, beta1, take1, beta2, take2;
    void operator()(T& p, T g, T& start, T& m) const {
        start = start + begin * (p - start);
        p = scaled_anew(*this, p, start, sign(beta1 * m + take1 * g));
        m = beta2 * m + take2 * g;
    }
};

template <class T> using mechanic_sgd_direction = MechanicDirection<T, mechanic_sgd<T>>;
template <class T> using mechanic_momentum_direction = MechanicDirection<T, mechanic_momentum<T>, Unread>;
template <class T> using mechanic_adam_direction = MechanicDirection<T, mechanic_adam<T>, Unread, Unread>;
template <class T> using mechanic_lion_direction = MechanicDirection<T, mechanic_lion<T>, Unread>;

FASTOPT_DIRECTION(mechanic_sgd_direction)
FASTOPT_RULE(mechanic_sgd)
FASTOPT_DIRECTION(mechanic_momentum_direction)
FASTOPT_RULE(mechanic_momentum)
FASTOPT_DIRECTION(mechanic_adam_direction)
FASTOPT_LONG_RULE(mechanic_adam)
FASTOPT_DIRECTION(mechanic_lion_direction)
FASTOPT_RULE(mechanic_lion)

}  // namespace fastopt::FASTOPT_LEVEL
