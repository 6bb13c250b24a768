// Numbers, and lists of them, for templates, without std::.
#pragma once
#include <cstddef>

#include "kernels/arithmetic.hpp"

namespace fastopt::FASTOPT_LEVEL {

template <int N> struct Constant {
    constexpr operator std::ptrdiff_t() const { return N; }
};

template <int... I> struct Indices {};
template <int N, int... I> struct MakeIndices : MakeIndices<N - 1, N - 1, I...> {};
template <int... I> struct MakeIndices<0, I...> {
    using type = Indices<I...>;
};

}  // namespace fastopt::FASTOPT_LEVEL
