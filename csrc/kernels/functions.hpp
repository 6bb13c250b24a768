// The cube root, the exponential and the arctangent of python/fastopt/algorithm/functions.py: the same operations
// in the same order, of + - * /, choices and powers of two, and so the same bits.
#pragma once
#include "kernels/arithmetic.hpp"

namespace fastopt::FASTOPT_LEVEL {

template <class T> constexpr bool single = sizeof(T) == 4;

// 2 to the power of an exponent, which has one in the dtype.
template <class T> constexpr T power_of_two(int exponent) {
    T power = 1;
    for (; exponent > 0; --exponent) power *= T(2);
    for (; exponent < 0; ++exponent) power /= T(2);
    return power;
}

// Divides a, where it is as large, by 2 to the power of E, and multiplies the scale by the cube root of that.
template <int E, class T> inline void drop(T& a, T& scale) {
    constexpr T limit = power_of_two<T>(E), reciprocal = power_of_two<T>(-E), by = power_of_two<T>(E / 3);
    scale = select(a >= limit, scale * by, scale);
    a = select(a >= limit, a * reciprocal, a);
}

template <class T> inline T cube_root(T x) {
    constexpr int first = single<T> ? 96 : 768, second = single<T> ? 63 : 513;
    constexpr T tiny = power_of_two<T>(single<T> ? -60 : -510);
    constexpr T lift = power_of_two<T>(first), lower = power_of_two<T>(-first / 3);
    constexpr T next_lift = power_of_two<T>(second), next_lower = power_of_two<T>(-second / 3);
    const T size = absolute(x);
    T scale = select(size < tiny, lower, T(1));
    T a = select(size < tiny, size * lift, size);
    scale = select(a < T(1), scale * next_lower, scale);
    a = select(a < T(1), a * next_lift, a);
    if constexpr (!single<T>) {
        drop<768>(a, scale);
        drop<384>(a, scale);
        drop<192>(a, scale);
    }
    drop<96>(a, scale);
    drop<48>(a, scale);
    drop<24>(a, scale);
    drop<12>(a, scale);
    drop<6>(a, scale);
    drop<3>(a, scale);
    T y = (T(-0.01467066) * a + T(0.26807631)) * a + T(0.76250012);
    T cube = y * y * y;
    y = y + y * ((a - cube) / (T(2) * cube + a));
    cube = y * y * y;
    y = y + y * ((a - cube) / (T(2) * cube + a));
    y = scale * y;
    y = select(x < T(0), -y, y);
    return select((size > T(0)) & (size < T(__builtin_inf())), y, x);
}

// Multiplies y by 2 to the power of -E where n is as low, and takes it out of n.
template <int E, class T> inline void halve(T& y, T& n) {
    constexpr T by = power_of_two<T>(-E);
    y = select(n <= T(-E), y * by, y);
    n = select(n <= T(-E), n + T(E), n);
}

template <class T> inline T exponential(T x) {
    constexpr T shift = T(1.5) * power_of_two<T>(single<T> ? 23 : 52);
    constexpr double log_of_2 = 0.6931471805599453, lacks = 2.3190468138462996e-17;
    constexpr double log_high = single<T> ? 0.693359375 : 0.693147180369123816490;
    constexpr T log_low = T(log_of_2 - log_high + lacks), per_log = T(1.0 / log_of_2);
    x = maximum(x, T(single<T> ? -110 : -800));
    T n = (x * per_log + shift) - shift;
    const T rest = (x - n * T(log_high)) - n * log_low;
    T y = T(1.0 / 6227020800.0);
    y = y * rest + T(1.0 / 479001600.0);
    y = y * rest + T(1.0 / 39916800.0);
    y = y * rest + T(1.0 / 3628800.0);
    y = y * rest + T(1.0 / 362880.0);
    y = y * rest + T(1.0 / 40320.0);
    y = y * rest + T(1.0 / 5040.0);
    y = y * rest + T(1.0 / 720.0);
    y = y * rest + T(1.0 / 120.0);
    y = y * rest + T(1.0 / 24.0);
    y = y * rest + T(1.0 / 6.0);
    y = y * rest + T(0.5);
    y = T(1) + (rest + rest * rest * y);
    if constexpr (!single<T>) {
        halve<512>(y, n);
        halve<512>(y, n);
        halve<256>(y, n);
        halve<128>(y, n);
    } else {
        halve<64>(y, n);
    }
    halve<64>(y, n);
    halve<32>(y, n);
    halve<16>(y, n);
    halve<8>(y, n);
    halve<4>(y, n);
    halve<2>(y, n);
    halve<1>(y, n);
    return y;
}

template <class T> inline T angle(T y, T x) {
    constexpr double quarter_of_half = 0.7853981633974483, lacks = 3.061616997868383e-17;
    constexpr T bend = T(0.55), quarter = T(quarter_of_half);
    constexpr T quarter_low = T((quarter_of_half - double(quarter)) + lacks);
    const T size = absolute(y), high = maximum(size, x), low = minimum(size, x);
    T q = select(low == high, T(1), low / high);
    q = select(high == T(0), T(0), q);
    const T t = select(q > bend, (q - T(1)) / (q + T(1)), q);
    const T square = t * t;
    T s = T(-0.0046904620041534825);
    s = s * square + T(0.015700366508983432);
    s = s * square + T(-0.027825900607382437);
    s = s * square + T(0.036741467072327);
    s = s * square + T(-0.04263871588191785);
    s = s * square + T(0.04746058555009116);
    s = s * square + T(-0.05260968997727082);
    s = s * square + T(0.05882133691072523);
    s = s * square + T(-0.0666665104224573);
    s = s * square + T(0.07692306924957541);
    s = s * square + T(-0.09090909066215362);
    s = s * square + T(0.11111111110631024);
    s = s * square + T(-0.14285714285709383);
    s = s * square + T(0.1999999999999998);
    s = s * square + T(-0.3333333333333333);
    T a = t + t * square * s;
    a = select(q > bend, quarter + (quarter_low + a), a);
    a = select(size > x, T(2) * quarter - (a - T(2) * quarter_low), a);
    a = select(y < T(0), -a, a);
    return select(a == T(0), y * T(0), a);
}

}  // namespace fastopt::FASTOPT_LEVEL
