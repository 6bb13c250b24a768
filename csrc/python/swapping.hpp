// Two lists of arrays, swapped in one call: no signal's handler finds them half done.
#pragma once
#include "python/commit.hpp"
#include "python/ndarray.hpp"

namespace fastopt {

// Swaps the elements of each array of `some` with those of the same array of `others`, which has its
// dtype, shape and memory order and shares no memory with it; Python has checked that. Then makes the
// changes.
void swap(const py::list& some, const py::list& others, const Changes& changes);

}  // namespace fastopt
