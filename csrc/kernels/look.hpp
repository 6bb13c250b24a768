// The loop of directions, which changes nothing: what becomes of an element is written elsewhere. How a direction
// takes the parameter or a state says what is done with it: T& is read and returned, T is read alone, Result<T> is
// returned alone, Unread is not touched.
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
template <class T> struct Looked<T, Result<T>> {
    static constexpr bool read = false, result = true;
    T* to;
    Looked(const void*, void* place) : to(static_cast<T*>(place)) {}
    T load(std::ptrdiff_t) const { return T(0); }
    void store(std::ptrdiff_t i, T x) const { to[i] = x; }
    void fetch(std::ptrdiff_t) const {}
};
template <class T> struct Looked<T, Unread> {
    static constexpr bool read = false, result = false;
    Looked(const void*, void*) {}
    Unread load(std::ptrdiff_t) const { return {}; }
    void store(std::ptrdiff_t, Unread) const {}
    void fetch(std::ptrdiff_t) const {}
};

template <class T, class Direction, class P, class... State>
inline void look_at(const Direction direction, bool ahead, std::ptrdiff_t n, const T* g, const P p,
                    const State... state) {
    for (std::ptrdiff_t begin = 0; begin < n; begin += fetched<T>) {
        if (ahead) {
            fetch_to_read(g + begin);
            p.fetch(begin);
            (state.fetch(begin), ...);
        }
        const std::ptrdiff_t end = n - begin < fetched<T> ? n : begin + fetched<T>;
#pragma omp simd
        for (std::ptrdiff_t i = begin; i < end; ++i) {
            const auto one = [&](auto p_i, auto... x) __attribute__((always_inline)) {
                direction(p_i, g[i], x...);
                p.store(i, p_i);
                (state.store(i, x), ...);
            };
            one(p.load(i), state.load(i)...);
        }
    }
}

// What a direction does with the parameter and its states, read off its call operator: (p, g, states...).
template <class T, class Direction, class... Stream> struct LookOf {
    static constexpr unsigned bits(const bool (&each)[sizeof...(Stream)]) {
        unsigned found = 0;
        for (unsigned k = 0; k < sizeof...(Stream); ++k) found |= unsigned(each[k]) << k;
        return found;
    }
    static constexpr unsigned read = bits({Looked<T, Stream>::read...});
    static constexpr unsigned results = bits({Looked<T, Stream>::result...});

    template <int... I>
    static void run(const Scalars& scalars, const void* g, const void* const* streams, void* const* results,
                    std::ptrdiff_t n, Indices<I...>) {
        Direction direction;
        __builtin_memcpy(&direction, scalars.rule, sizeof direction);
        look_at<T>(direction, scalars.ahead != 0, n, static_cast<const T*>(g),
                   Looked<T, Stream>(streams[I], results[I])...);
    }
    static void look(const Scalars& scalars, const void* g, const void* const* streams, void* const* results,
                     std::ptrdiff_t n) noexcept {
        run(scalars, g, streams, results, n, typename MakeIndices<int(sizeof...(Stream))>::type{});
    }
};
template <class T, class Direction, class P, class... State>
LookOf<T, Direction, P, State...> look_of(void (Direction::*)(P, T, State...) const);

}  // namespace fastopt::FASTOPT_LEVEL
