// The exponential moving average of a signal.
#pragma once
#include <cstddef>

#include "kernels/kernel.hpp"

namespace fastopt {

// Of shape (outer, length, inner), C-contiguous and of one dtype, like `out` and like `state`, which
// has no second axis; none of them overlap.
struct Signal {
    const char* x;
    char* out;
    char* state;                // the mean so far; afterwards the last one, uncorrected
    const char* corrections;    // by which each mean is divided, or null
    std::ptrdiff_t outer, length, inner;
};

// Smooths the signal along its second axis. python/fastopt/smoothing.py is the same text in Python.
void smooth(DType dtype, const Signal& signal, double beta) noexcept;

}  // namespace fastopt
