// What a plan sees of an array: where it is, how it lies in memory, and whether it may be written.
#pragma once
#include <cstddef>
#include <span>

#include "kernels/kernel.hpp"

namespace fastopt {

using Shape = std::span<const std::ptrdiff_t>;

struct ArrayView {
    char* data;
    Shape shape;
    const std::ptrdiff_t* strides;    // in bytes, one for each axis
    DType dtype;
    bool c_contiguous, f_contiguous, aligned, writeable;

    int ndim() const { return int(shape.size()); }
    std::ptrdiff_t size() const {
        std::ptrdiff_t size = 1;
        for (const std::ptrdiff_t length : shape) size *= length;
        return size;
    }
};

}  // namespace fastopt
