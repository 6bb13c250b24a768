// The exponential moving average of a signal.
#pragma once
#include "python/ndarray.hpp"

namespace fastopt {

// Smooths `signal` along its second axis into `out`, both of shape (outer, length, inner), and leaves
// the last mean, uncorrected, in `state`, of shape (outer, inner), which holds the mean so far. Each mean
// is divided by its correction, if there are any. All are C-contiguous, of one dtype, and do not
// overlap. python/fastopt/smoothing.py has checked that, and is the same text in Python.
void smooth(const py::object& signal, const py::object& out, const py::object& state, double beta,
            const py::object& corrections);

}  // namespace fastopt
