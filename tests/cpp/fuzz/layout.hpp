// How an array of several axes lies in its memory.
#pragma once
#include <cstddef>
#include <vector>

#include "fuzz/random.hpp"
#include "plan/array_view.hpp"

namespace driver::fuzz {

using Lengths = std::vector<std::ptrdiff_t>;

std::ptrdiff_t elements_of(const Lengths& shape);

struct Layout {
    Lengths shape, strides;       // in bytes
    std::ptrdiff_t first = 0;     // where in its memory the first element is
    std::size_t bytes = 0;        // of memory
    bool repeats = false;         // one place is several elements

    // Without gaps, in C order or in Fortran's.
    static Layout contiguous(const Lengths& shape, std::size_t item, bool fortran);
    // Any at all: axes in any order, some reversed, with gaps; elements that repeat, if they may.
    static Layout drawn(Random& random, const Lengths& shape, std::size_t item, bool may_repeat);

    // Where each element is, in the order of a parameter's memory.
    std::vector<std::ptrdiff_t> places(bool fortran) const;
    // What a plan sees, with the flags that NumPy would set.
    fastopt::ArrayView view(char* memory, fastopt::DType dtype, bool writeable = true) const;
};

}  // namespace driver::fuzz
