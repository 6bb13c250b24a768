// Tile operations: what stands around the rule and what follows it, on a stretch of elements that stays in
// the first cache, so that it is compiled once for a dtype and not with each rule.
#pragma once
#include "kernels/formats.hpp"
#include "kernels/fetch.hpp"
#include "kernels/stages.hpp"

namespace fastopt::FASTOPT_LEVEL {

template <class T> inline const StageScalars<T>& stage_of(const Scalars& scalars) {
    return *static_cast<const StageScalars<T>*>(scalars.stage);
}

template <class T, class Stage>
void before_rule(const Scalars& scalars, void* p_given, const void* g_given, void* changed_given,
                 void* old_given, std::ptrdiff_t n) noexcept {
    const Stage stage(stage_of<T>(scalars));
    T* __restrict p = static_cast<T*>(p_given);
    const T* g = static_cast<const T*>(g_given);
    T* __restrict changed = static_cast<T*>(changed_given);
    if (scalars.ahead) fetch_ahead(g, n);
    if constexpr (Stage::sees_old) {    // and the part before leaves the parameter alone
        T* __restrict old = static_cast<T*>(old_given);
#pragma omp simd
        for (std::ptrdiff_t i = 0; i < n; ++i) {
            T p_i = p[i], g_i = g[i];
            old[i] = p_i;
            stage.before(p_i, g_i);
            changed[i] = g_i;
        }
    } else if (stage.keep == T(1)) {
#pragma omp simd
        for (std::ptrdiff_t i = 0; i < n; ++i) {
            T p_i = p[i], g_i = g[i];
            stage.before(p_i, g_i);
            changed[i] = g_i;
        }
    } else {
#pragma omp simd
        for (std::ptrdiff_t i = 0; i < n; ++i) {
            T p_i = p[i], g_i = g[i];
            stage.before(p_i, g_i);
            changed[i] = g_i;
            p[i] = p_i;
        }
    }
}

template <class T, class Stage>
void after_rule(const Scalars& scalars, void* p_given, const void* old_given,
                std::ptrdiff_t n) noexcept {
    const Stage stage(stage_of<T>(scalars));
    T* __restrict p = static_cast<T*>(p_given);
    if constexpr (Stage::sees_old) {
        const T* __restrict old = static_cast<const T*>(old_given);
#pragma omp simd
        for (std::ptrdiff_t i = 0; i < n; ++i) {
            T p_i = p[i];
            stage.after(p_i, old[i]);
            p[i] = p_i;
        }
    } else if (!stage.ends_before()) {
#pragma omp simd
        for (std::ptrdiff_t i = 0; i < n; ++i) {
            T p_i = p[i];
            stage.after(p_i, T(0));
            p[i] = p_i;
        }
    }
}

template <class T>
void agree(void* p_given, const void* old_given, const void* g_given, std::ptrdiff_t n, double share) noexcept {
    T* __restrict p = static_cast<T*>(p_given);
    const T* __restrict old = static_cast<const T*>(old_given);
    const T* __restrict g = static_cast<const T*>(g_given);
    const T factor = static_cast<T>(share);
    if (share > 0.0) {
#pragma omp simd
        for (std::ptrdiff_t i = 0; i < n; ++i) {
            const T step = old[i] - p[i];
            p[i] = old[i] - select(step * g[i] > T(0), factor * step, step - step);
        }
    } else {
#pragma omp simd
        for (std::ptrdiff_t i = 0; i < n; ++i) p[i] = old[i] - sign(g[i]) * absolute(old[i] - p[i]);
    }
}

template <class T>
std::ptrdiff_t agreeing(const void* p_given, const void* old_given, const void* g_given, std::ptrdiff_t n) noexcept {
    const T* p = static_cast<const T*>(p_given);
    const T* old = static_cast<const T*>(old_given);
    const T* g = static_cast<const T*>(g_given);
    std::ptrdiff_t count = 0;
#pragma omp simd reduction(+ : count)
    for (std::ptrdiff_t i = 0; i < n; ++i) count += (old[i] - p[i]) * g[i] > T(0);
    return count;
}

template <class T>
void pull(void* p, void* slow, std::ptrdiff_t n, double keep, double take, bool ahead) noexcept {
    T* __restrict fast = static_cast<T*>(p);
    T* __restrict s = static_cast<T*>(slow);
    if (ahead) fetch_ahead(s, n);
    const T kept = static_cast<T>(keep), taken = static_cast<T>(take);
#pragma omp simd
    for (std::ptrdiff_t i = 0; i < n; ++i) fast[i] = s[i] = kept * s[i] + taken * fast[i];
}

template <class T>
void average(void* average, const void* p, std::ptrdiff_t n, double keep, double take,
             bool ahead) noexcept {
    T* __restrict e = static_cast<T*>(average);
    const T* __restrict from = static_cast<const T*>(p);
    if (ahead) fetch_ahead(e, n);
    const T kept = static_cast<T>(keep), taken = static_cast<T>(take);
#pragma omp simd
    for (std::ptrdiff_t i = 0; i < n; ++i) e[i] = kept * e[i] + taken * from[i];
}

template <class T, class To>
void narrow(void* copy, const void* p, std::ptrdiff_t n, bool ahead) noexcept {
    To* __restrict to = static_cast<To*>(copy);
    const T* __restrict from = static_cast<const T*>(p);
    if (ahead) fetch_ahead(to, n);
    narrow_all(to, from, n);
}

}  // namespace fastopt::FASTOPT_LEVEL
