// Numbers, and lists of them, for templates, without std::.
#pragma once
#include <cstddef>

#include "kernels/arithmetic.hpp"

namespace fastopt::FASTOPT_LEVEL {

template <int N> struct constant {
    constexpr operator std::ptrdiff_t() const { return N; }
};

template <int... I> struct indices {};
template <int N, int... I> struct make_indices : make_indices<N - 1, N - 1, I...> {};
template <int... I> struct make_indices<0, I...> {
    using type = indices<I...>;
};

}  // namespace fastopt::FASTOPT_LEVEL
