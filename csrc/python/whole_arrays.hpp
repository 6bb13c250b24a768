// What is done with whole arrays, beside any plan.
#pragma once
#include "python/commit.hpp"
#include "python/ndarray.hpp"

namespace fastopt {

// Smooths `signal` along its second axis into `out`, both of shape (outer, length, inner), and leaves
// the last mean, uncorrected, in `state`, of shape (outer, inner), which holds the mean so far. Each mean
// is divided by its correction, if there are any. All are C-contiguous, of one dtype, and do not
// overlap: Python has checked that.
void smooth_signal(const py::object& signal, const py::object& out, const py::object& state,
                   double beta, const py::object& corrections);

// Swaps the elements of each array of `some` with those of the same array of `others`, which has its
// dtype, shape and memory order and shares no memory with it; Python has checked that. In one call with
// the commit, so that no signal's handler finds them half done.
void swap(const py::list& some, const py::list& others, const Commit& commit);

}  // namespace fastopt
