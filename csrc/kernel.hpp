// What a kernel is: a rule, compiled for one dtype and one instruction-set level, as the plan calls it.
#pragma once
#include <cstddef>

namespace fastopt {

// The one list of dtypes on the C++ side; python/fastopt/dtypes.py is its counterpart.
enum class DType : int { float32, float64 };

constexpr std::size_t itemsize(DType dtype) { return dtype == DType::float32 ? 4 : 8; }

// Updates n elements of p and of the states in place. `scalars` starts with the scalars of the stages
// and goes on with those of the rule, all of the kernel's dtype.
using Sweep = void (*)(const void* scalars, void* p, const void* g, void* const* states,
                       std::ptrdiff_t n) noexcept;

// Reads a block of a strided gradient into a tile of rows x columns; strides in bytes.
using Gather = void (*)(const char* g, std::ptrdiff_t row_stride, std::ptrdiff_t column_stride,
                        std::ptrdiff_t rows, std::ptrdiff_t columns, void* tile) noexcept;

// Sums the squares of n elements, at most one block of them; see reduce.hpp.
using Reduce = double (*)(const void* elements, std::ptrdiff_t n) noexcept;
constexpr std::ptrdiff_t reduce_block = 4096;

struct Kernel {
    const char* rule;
    DType dtype;
    int states;
    int coefficients;       // of the rule, without the scalars of the stages
    Sweep sweep;            // weight decay, if any, is decoupled
    Sweep sweep_coupled;    // weight decay is added to the gradient
    Gather gather;
    Reduce sum_of_squares;
};

// Every level's table has the same kernels in the same order.
struct KernelTable {
    const Kernel* kernels;
    int count;
};

constexpr int max_states = 8;

}  // namespace fastopt
