// Lists of numbers for templates, without std::.
#pragma once
#include "arithmetic.hpp"

namespace fastopt::FASTOPT_LEVEL {

template <int... I> struct indices {};
template <int N, int... I> struct make_indices : make_indices<N - 1, N - 1, I...> {};
template <int... I> struct make_indices<0, I...> {
    using type = indices<I...>;
};

}  // namespace fastopt::FASTOPT_LEVEL
