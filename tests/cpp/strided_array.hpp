// An array of any layout, in a buffer that ends with its last element.
#pragma once
#include <cstdlib>
#include <utility>
#include <vector>

#include "buffer.hpp"
#include "plan/array_view.hpp"

namespace driver {

using Lengths = std::vector<std::ptrdiff_t>;

inline std::size_t elements_of(const Lengths& shape) {
    std::size_t elements = 1;
    for (const std::ptrdiff_t length : shape) elements *= std::size_t(length);
    return elements;
}

class StridedArray {
public:
    // The axes lie in memory in this order, the innermost last; a step of 3 leaves out two elements
    // between neighbours there, and a negative one runs backwards.
    StridedArray(Lengths shape, const std::vector<std::size_t>& order, std::ptrdiff_t step,
                 std::size_t itemsize)
        : shape_(std::move(shape)),
          strides_(shape_.size()),
          buffer_(bytes_of(shape_, std::abs(step), itemsize), itemsize) {
        std::ptrdiff_t stride = std::ptrdiff_t(itemsize) * step;
        for (std::size_t k = order.size(); k-- > 0;) {
            strides_[order[k]] = stride;
            stride *= shape_[order[k]];
        }
        if (step < 0) first_ = std::ptrdiff_t(buffer_.size() - itemsize);
    }

    Buffer& buffer() { return buffer_; }
    const Lengths& shape() const { return shape_; }

    // Where each element begins in the buffer, in C order or in Fortran's.
    std::vector<std::size_t> places(bool fortran) const {
        std::vector<std::size_t> found;
        for (std::size_t element = 0; element < elements_of(shape_); ++element) {
            std::size_t rest = element;
            std::ptrdiff_t place = first_;
            for (std::size_t i = 0; i < shape_.size(); ++i) {
                const std::size_t k = fortran ? i : shape_.size() - 1 - i;
                place += std::ptrdiff_t(rest % std::size_t(shape_[k])) * strides_[k];
                rest /= std::size_t(shape_[k]);
            }
            found.push_back(std::size_t(place));
        }
        return found;
    }

    // What a plan sees of it, which is not told that it may lie as its parameter does.
    fastopt::ArrayView view(fastopt::DType dtype) {
        return {.data = buffer_.data() + first_,
                .shape = shape_,
                .strides = strides_.data(),
                .dtype = dtype,
                .c_contiguous = false,
                .f_contiguous = false,
                .aligned = true,
                .writeable = true};
    }

private:
    static std::size_t bytes_of(const Lengths& shape, std::ptrdiff_t step, std::size_t itemsize) {
        return ((elements_of(shape) - 1) * std::size_t(step) + 1) * itemsize;
    }

    Lengths shape_, strides_;
    Buffer buffer_;
    std::ptrdiff_t first_ = 0;
};

}  // namespace driver
