// The loop over elements, made from a stage and a rule: the only loop that updates parameters.
#pragma once
#include <cstddef>
#include <cstdint>

#include "kernels/fetch.hpp"
#include "kernels/indices.hpp"
#include "kernels/stages.hpp"

namespace fastopt::FASTOPT_LEVEL {

// How many states a rule has, read off its call operator: (p, g, states...).
template <class Rule, class P, class T, class... State>
constexpr int count_states(void (Rule::*)(P, T, State...) const) {
    return sizeof...(State);
}

// The one loop. Where n is a constant, it is a few vector instructions and no loop.
template <class T, class Stage, class Rule, class... State>
[[gnu::always_inline]] inline void loop(const Stage& stage, const Rule& rule, std::ptrdiff_t n,
                                        T* __restrict p, const T* g, State* __restrict... state) {
#pragma omp simd
    for (std::ptrdiff_t i = 0; i < n; ++i) {
        const T old = p[i];
        T p_i = old;
        T g_i = g[i];
        stage.before(p_i, g_i);
        rule(p_i, g_i, state[i]...);
        stage.after(p_i, old);
        p[i] = p_i;
    }
}

// Blocks of several vectors, vectors, then what is left in halves, so that no tail is done element by
// element: the same operations on each element either way. Flat, as how much the compiler inlines of
// itself depends on how many kernels there are.
template <class T, class Stage, class Rule, class... State>
[[gnu::flatten]] inline void stretch(const Stage stage, const Rule rule, bool ahead, std::ptrdiff_t n,
                                     T* p, const T* g, State*... state) {
    std::ptrdiff_t done = 0;
    const auto next = [&](auto count) __attribute__((always_inline)) {
        loop<T>(stage, rule, count, p + done, g + done, state + done...);
        done += count;
    };
    constexpr Constant<64> block{};
    while (done + block <= n) {
        if (ahead) {
            fetch_ahead(p + done, block);
            fetch_ahead(g + done, block);
            (fetch_ahead(state + done, block), ...);
        }
        next(block);
    }
    next((n - done) & ~std::ptrdiff_t(15));
    if (n & 8) next(Constant<8>{});
    if (n & 4) next(Constant<4>{});
    if (n & 2) next(Constant<2>{});
    if (n & 1) next(Constant<1>{});
}

// NumPy aligns its arrays to 16 bytes, and a vector that straddles two cache lines costs double. So
// the elements before the parameter's next 64-byte line are done first; states share its phase.
template <class T> inline std::ptrdiff_t head_of(const T* p, std::ptrdiff_t n) {
    const auto past = reinterpret_cast<std::uintptr_t>(p) % 64;
    const auto head = static_cast<std::ptrdiff_t>((64 - past) % 64 / sizeof(T));
    return head < n ? head : n;
}

template <class T, class Stage, class Rule, int... I>
inline void sweep_states(const Scalars& scalars, T* p, const T* g, void* const* states,
                         std::ptrdiff_t n, Indices<I...>) {
    StageScalars<T> given;
    Rule rule;
    __builtin_memcpy(&given, scalars.stage, sizeof given);
    __builtin_memcpy(&rule, scalars.rule, sizeof rule);
    std::ptrdiff_t from = 0;
    for (std::ptrdiff_t to = head_of(p, n); from < n; from = to, to = n) {
        stretch<T>(Stage(given), rule, scalars.ahead != 0, to - from, p + from, g + from,
                   static_cast<T*>(states[I]) + from...);
    }
}

template <class T, template <class> class Stage, class Rule>
void sweep(const Scalars& scalars, void* p, const void* g, void* const* states,
           std::ptrdiff_t n) noexcept {
    using States = typename MakeIndices<count_states(&Rule::operator())>::type;
    sweep_states<T, Stage<T>, Rule>(scalars, static_cast<T*>(p), static_cast<const T*>(g), states, n,
                                    States{});
}

}  // namespace fastopt::FASTOPT_LEVEL
