// The loop over elements, made from a stage and a rule: the only loop that updates parameters.
#pragma once
#include <cstddef>
#include <cstdint>

#include "indices.hpp"
#include "stages.hpp"

namespace fastopt::FASTOPT_LEVEL {

// How many states a rule has, read off its call operator: (p, g, states...).
template <class Rule, class T, class... State>
constexpr int count_states(void (Rule::*)(T&, T, State&...) const) {
    return sizeof...(State);
}

// The one loop. Where n is a constant, it is a few vector instructions and no loop.
template <class T, class Stage, class Rule, class... State>
[[gnu::always_inline]] inline void loop(const Stage& stage, const Rule& rule, std::ptrdiff_t n,
                                        T* __restrict p, const T* __restrict g,
                                        State* __restrict... state) {
#pragma omp simd
    for (std::ptrdiff_t i = 0; i < n; ++i) {
        T p_i = p[i];
        T g_i = g[i];
        stage.before(p_i, g_i);
        rule(p_i, g_i, state[i]...);
        stage.after(p_i);
        p[i] = p_i;
    }
}

// Whole vectors first, then what is left in halves, so that no tail is done element by element: the
// same operations on each element either way.
template <class T, class Stage, class Rule, class... State>
inline void stretch(const Stage stage, const Rule rule, std::ptrdiff_t n, T* p, const T* g,
                    State*... state) {
    constexpr std::ptrdiff_t widest = 16;
    std::ptrdiff_t done = n & ~(widest - 1);
    loop<T>(stage, rule, done, p, g, state...);
    if (n & 8) loop<T>(stage, rule, 8, p + done, g + done, state + done...), done += 8;
    if (n & 4) loop<T>(stage, rule, 4, p + done, g + done, state + done...), done += 4;
    if (n & 2) loop<T>(stage, rule, 2, p + done, g + done, state + done...), done += 2;
    if (n & 1) loop<T>(stage, rule, 1, p + done, g + done, state + done...);
}

// NumPy aligns its arrays to 16 bytes, and a vector that straddles two cache lines costs double. So
// the elements before the parameter's next 64-byte line are done first; states share its phase.
template <class T> inline std::ptrdiff_t head_of(const T* p, std::ptrdiff_t n) {
    const auto past = reinterpret_cast<std::uintptr_t>(p) % 64;
    const auto head = static_cast<std::ptrdiff_t>((64 - past) % 64 / sizeof(T));
    return head < n ? head : n;
}

template <class T, class Stage, class Rule, int... I>
inline void sweep_states(const T* scalars, T* p, const T* g, void* const* states, std::ptrdiff_t n,
                         indices<I...>) {
    Stage stage;
    Rule rule;
    __builtin_memcpy(&stage, scalars, sizeof stage);
    __builtin_memcpy(&rule, scalars + sizeof stage / sizeof(T), sizeof rule);
    std::ptrdiff_t from = 0;
    for (std::ptrdiff_t to = head_of(p, n); from < n; from = to, to = n) {
        stretch<T>(stage, rule, to - from, p + from, g + from, static_cast<T*>(states[I]) + from...);
    }
}

template <class T, template <class> class Stage, class Rule>
void sweep(const void* scalars, void* p, const void* g, void* const* states,
           std::ptrdiff_t n) noexcept {
    using States = typename make_indices<count_states(&Rule::operator())>::type;
    sweep_states<T, Stage<T>, Rule>(static_cast<const T*>(scalars), static_cast<T*>(p),
                                    static_cast<const T*>(g), states, n, States{});
}

}  // namespace fastopt::FASTOPT_LEVEL
