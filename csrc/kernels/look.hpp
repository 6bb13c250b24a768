// The loop of directions, which changes nothing: what becomes of an element is written elsewhere. How a direction
// takes a state says what is done with it: T& is read and returned, T is read alone, Unread is not touched.
#pragma once
#include <cstddef>

#include "kernels/arithmetic.hpp"
#include "kernels/fetch.hpp"
#include "kernels/indices.hpp"
#include "kernels/kernel.hpp"

namespace fastopt::FASTOPT_LEVEL {

template <class T, class State> struct Looked;
template <class T> struct Looked<T, T> {
    static constexpr bool read = true, result = false;
    const T* from;
    Looked(const void* state, void*) : from(static_cast<const T*>(state)) {}
    T load(std::ptrdiff_t i) const { return from[i]; }
    void store(std::ptrdiff_t, T) const {}
    void fetch(std::ptrdiff_t i) const { fetch_to_read(from + i); }
};
template <class T> struct Looked<T, T&> {
    static constexpr bool read = true, result = true;
    const T* from;
    T* to;
    Looked(const void* state, void* place) : from(static_cast<const T*>(state)), to(static_cast<T*>(place)) {}
    T load(std::ptrdiff_t i) const { return from[i]; }
    void store(std::ptrdiff_t i, T x) const { to[i] = x; }
    void fetch(std::ptrdiff_t i) const { fetch_to_read(from + i); }
};
template <class T> struct Looked<T, Unread> {
    static constexpr bool read = false, result = false;
    Looked(const void*, void*) {}
    Unread load(std::ptrdiff_t) const { return {}; }
    void store(std::ptrdiff_t, Unread) const {}
    void fetch(std::ptrdiff_t) const {}
};

template <class T, class Direction, class... State>
inline void look_at(const Direction direction, bool ahead, std::ptrdiff_t n, const T* p, const T* g,
                    T* __restrict result, const State... state) {
    for (std::ptrdiff_t begin = 0; begin < n; begin += fetched<T>) {
        if (ahead) {
            fetch_to_read(g + begin);
            (state.fetch(begin), ...);
        }
        const std::ptrdiff_t end = n - begin < fetched<T> ? n : begin + fetched<T>;
#pragma omp simd
        for (std::ptrdiff_t i = begin; i < end; ++i) {
            T p_i = p[i];
            const auto one = [&](auto... x) __attribute__((always_inline)) {
                direction(p_i, g[i], x...);
                (state.store(i, x), ...);
            };
            one(state.load(i)...);
            result[i] = p_i;
        }
    }
}

// What a direction does with its states, read off its call operator: (p, g, states...).
template <class T, class Direction, class... State> struct LookOf {
    static constexpr unsigned bits(const bool (&each)[sizeof...(State) + 1]) {
        unsigned found = 0;
        for (unsigned s = 0; s < sizeof...(State); ++s) found |= unsigned(each[s]) << s;
        return found;
    }
    static constexpr unsigned read = bits({Looked<T, State>::read..., false});
    static constexpr unsigned results = bits({Looked<T, State>::result..., false});

    template <int... I>
    static void run(const Scalars& scalars, const void* p, const void* g, const void* const* states,
                    void* const* results, std::ptrdiff_t n, Indices<I...>) {
        Direction direction;
        __builtin_memcpy(&direction, scalars.rule, sizeof direction);
        look_at<T>(direction, scalars.ahead != 0, n, static_cast<const T*>(p), static_cast<const T*>(g),
                   static_cast<T*>(results[0]), Looked<T, State>(states[I], results[I + 1])...);
    }
    static void look(const Scalars& scalars, const void* p, const void* g, const void* const* states,
                     void* const* results, std::ptrdiff_t n) noexcept {
        run(scalars, p, g, states, results, n, typename MakeIndices<int(sizeof...(State))>::type{});
    }
};
template <class T, class Direction, class... State>
LookOf<T, Direction, State...> look_of(void (Direction::*)(T&, T, State...) const);

}  // namespace fastopt::FASTOPT_LEVEL
