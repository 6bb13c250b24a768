// D-Adaptation: Adam, SGD, Adagrad, Lion and Adan, by the distance that is estimated; and what the estimate is made of.
#pragma once
#include "kernels/arithmetic.hpp"

namespace fastopt::FASTOPT_LEVEL {

template <class T> struct dadapt_adam_direction {
    T beta1, take1, beta2, take2, beta3, take3, keep, eps;
    void operator()(Result<T> p, T g, Unread, T v, T& s) const {
        p = take3 * (g * s / (root(v) + eps));
        s = absolute(beta3 * s + take3 * g);
    }
};

template <class T> struct dadapt_adam {
    T beta1, take1, beta2, take2, beta3, take3, keep, eps;
    void operator()(T& p, T g, T& m, T& v, T& s) const {
        m = beta1 * m + take1 * g;
        v = beta2 * v + take2 * g * g;
        s = beta3 * s + take3 * g;
        p = keep * p - m / (root(v) + eps);
    }
};

template <class T> struct dadapt_sgd_direction {
    T begin, step, keep, take;
    void operator()(Result<T> p, T g, T& s, Unread, Result<T> grad) const {
        p = step * g * s;
        s = s + step * g;
        grad = g;
    }
};

template <class T> struct dadapt_sgd {
    T begin, step, keep, take;
    void operator()(T& p, T g, T& s, T& start) const {
        start = start + begin * (p - start);
        s = s + step * g;
        p = keep * p + take * (start - s);
    }
};

template <class T> struct dadapt_adagrad_direction {
    T begin, step, keep, take, eps;
    void operator()(Result<T> p, T g, T a, T& s, Unread, Result<T> grad) const {
        const T x = step * g;
        a = a + g * g;
        s = s + x;
        const T q = root(a) + eps;
        p = s * s / q;
        s = absolute(s);
        grad = x * x / q;
    }
};

template <class T> struct dadapt_adagrad {
    T begin, step, keep, take, eps;
    void operator()(T& p, T g, T& a, T& s, T& start) const {
        start = start + begin * (p - start);
        a = a + g * g;
        s = s + step * g;
        p = keep * p + take * (start - s / (root(a) + eps));
    }
};

template <class T> struct dadapt_lion_direction {
    T beta1, one_minus_beta1, beta2, take2, beta3, take3, keep, step;
    void operator()(Result<T> p, T g, T m, T& s) const {
        const T u = sign(beta1 * m + one_minus_beta1 * g);
        p = take3 * u * s;
        s = absolute(beta3 * s + take3 * u);
    }
};

template <class T> struct dadapt_lion {
    T beta1, one_minus_beta1, beta2, take2, beta3, take3, keep, step;
    void operator()(T& p, T g, T& m, T& s) const {
        const T u = sign(beta1 * m + one_minus_beta1 * g);
        m = beta2 * m + take2 * g;
        s = beta3 * s + take3 * u;
        p = keep * p - step * u;
    }
};

template <class T> struct dadapt_adan_direction {
    T change, beta1, take1, beta2, take2, beta3, one_minus_beta3, take3, grown, eps;
    void operator()(Result<T> p, T g, Unread, Unread, T n, T& s, T g_prev, Result<T> grad) const {
        const T d = change * (g - g_prev);    // change: 0 at the first step, else 1
        const T ahead = g + beta2 * d;
        n = beta3 * n + one_minus_beta3 * ahead * ahead;
        const T x = take3 * g;
        s = beta3 * s + x;
        const T q = root(n) + eps;
        p = s * s / q;
        s = absolute(s);
        grad = x * x / q;
    }
};

template <class T> struct dadapt_adan {
    T change, beta1, take1, beta2, take2, beta3, one_minus_beta3, take3, grown, eps;
    void operator()(T& p, T g, T& m, T& v, T& n, T& s, T& g_prev) const {
        const T d = change * (g - g_prev);    // change: 0 at the first step, else 1
        const T ahead = g + beta2 * d;
        m = beta1 * m + take1 * g;
        v = beta2 * v + take2 * d;
        n = beta3 * n + one_minus_beta3 * ahead * ahead;
        s = beta3 * s + take3 * g;
        g_prev = g;
        p = (p - (m + beta2 * v) / (root(n) + eps)) / grown;
    }
};

FASTOPT_DIRECTION(dadapt_adam_direction)
FASTOPT_RULE(dadapt_adam)
FASTOPT_DIRECTION(dadapt_sgd_direction)
FASTOPT_RULE(dadapt_sgd)
FASTOPT_DIRECTION(dadapt_adagrad_direction)
FASTOPT_RULE(dadapt_adagrad)
FASTOPT_DIRECTION(dadapt_lion_direction)
FASTOPT_RULE(dadapt_lion)
FASTOPT_DIRECTION(dadapt_adan_direction)
FASTOPT_LONG_RULE(dadapt_adan)

}  // namespace fastopt::FASTOPT_LEVEL
