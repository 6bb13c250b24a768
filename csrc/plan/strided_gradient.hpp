// Gradients of any layout: how the elements of a strided gradient lie beside those of a contiguous
// parameter, and how they are read through a small tile, so that no whole copy is ever made.
#pragma once
#include <vector>

#include "kernels/kernel.hpp"
#include "plan/array_view.hpp"
#include "plan/update.hpp"

namespace fastopt {

// Cuts the parameter's elements into blocks of at most one tile. Hand-written backpropagation gives
// transposed views, whose neighbours along a row lie a row apart in memory; so a block takes a few
// rows at a time and each cache line of the gradient is read once.
class StridedGradient {
public:
    // The gradient's dtype may be another one than `parameter`, that of the parameter; `fortran`: the
    // parameter lies in memory in Fortran order.
    StridedGradient(const ArrayView& gradient, bool fortran, DType parameter);

    std::ptrdiff_t blocks() const { return blocks_; }
    // Whether two elements may be one in memory.
    bool overlaps_itself() const { return overlaps_itself_; }

    // Updates the parameter with the blocks from `begin` to `end`; zeroes them if asked.
    void run(const Update& update, bool zero, std::ptrdiff_t begin, std::ptrdiff_t end) const noexcept;

    // Copies the elements from `begin` to `end`, in the order of the parameter's memory.
    void read(const Kernel& kernel, std::ptrdiff_t begin, std::ptrdiff_t end, char* to) const noexcept;

    // Begins to fetch what lies behind them, where they lie in one row.
    void fetch_ahead(std::ptrdiff_t begin, std::ptrdiff_t end) const noexcept;

    // Zeroes them.
    void zero(std::ptrdiff_t begin, std::ptrdiff_t end) const noexcept;

private:
    struct Axis {
        std::ptrdiff_t length;
        std::ptrdiff_t stride_g;    // in bytes
        std::ptrdiff_t stride_p;    // in elements
    };

    char* at(std::ptrdiff_t element) const;
    void clear(char* g, std::ptrdiff_t columns) const noexcept;    // within one row

    char* data_;
    DType dtype_;
    std::ptrdiff_t itemsize_;           // of the gradient
    std::ptrdiff_t itemsize_of_tile_;    // of the parameter
    bool overlaps_itself_ = false;
    Axis columns_;              // the parameter's innermost axis
    Axis rows_;                 // the axis along which the gradient lies closest
    std::vector<Axis> outer_;
    std::ptrdiff_t first_rows_, tile_rows_, tile_columns_, blocks_of_columns_, blocks_of_rows_, blocks_;
};

}  // namespace fastopt
