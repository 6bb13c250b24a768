// What rules may use beside + - * /: exact operations only, defined for NaN and signed zero just as in
// python/fastopt/algorithm/elementwise.py. Nothing of std:: is used, so that no shared template can be compiled
// for a higher instruction set than the one it is called on.
#pragma once

#ifndef FASTOPT_LEVEL
#define FASTOPT_LEVEL baseline
#endif

namespace fastopt::FASTOPT_LEVEL {

// How a direction takes what it does not look at, and what it only returns.
struct Unread {};
template <class T> struct Result {
    T& value;
    Result(T& to) : value(to) {}
    T operator=(T x) { return value = x; }
};

inline float root(float x) { return __builtin_sqrtf(x); }
inline double root(double x) { return __builtin_sqrt(x); }
inline float absolute(float x) { return __builtin_fabsf(x); }
inline double absolute(double x) { return __builtin_fabs(x); }
inline float with_sign_of(float x, float size) { return __builtin_copysignf(size, x); }
inline double with_sign_of(double x, double size) { return __builtin_copysign(size, x); }

// The larger one; a where they are equal, NaN where either is NaN.
template <class T> inline T maximum(T a, T b) { return ((a >= b) | (a != a)) ? a : b; }

// The smaller one; a where they are equal, NaN where either is NaN.
template <class T> inline T minimum(T a, T b) { return ((a <= b) | (a != a)) ? a : b; }

// x limited to low ... high, which are numbers; NaN stays NaN. Of a maximum within a minimum the compiler makes
// no vector code.
template <class T> inline T clip(T x, T low, T high) {
    x = x < low ? low : x;
    return x > high ? high : x;
}

// a where the condition holds, else b.
template <class T> inline T select(bool condition, T a, T b) { return condition ? a : b; }

// x limited to -limit ... limit; NaN stays NaN.
template <class T> inline T bounded(T x, T limit) {
    x = x > limit ? limit : x;
    return x < -limit ? -limit : x;
}

// 1, 0 or -1; NaN stays NaN. Of a choice within a choice the compiler would make three copies of all
// that follows.
template <class T> inline T sign(T x) {
    return ((x > T(0)) | (x < T(0))) ? with_sign_of(x, T(1)) : x + T(0);
}

// Whether x lies further from zero than start, on its side.
template <class T> inline bool outward(T x, T start) {
    return ((start > T(0)) & (x > start)) | ((start < T(0)) & (x < start));
}

// x where it is not below zero, else zero; NaN stays NaN.
template <class T> inline T nonnegative(T x) { return x < T(0) ? T(0) : x; }

}  // namespace fastopt::FASTOPT_LEVEL
