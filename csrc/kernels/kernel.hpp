// What a kernel is: a rule, compiled for one dtype and one instruction-set level, as the plan calls it.
#pragma once
#include <cstddef>

namespace fastopt {

// The one list of dtypes on the C++ side; python/fastopt/numerics/formats.py is its counterpart. Parameters and
// their states have one of the first two; gradients can be cast from all, and copies have the others.
enum class DType : int { float32, float64, float16, bfloat16 };
constexpr int dtype_count = 4;

constexpr std::size_t itemsize(DType dtype) {
    return dtype == DType::float64 ? 8 : dtype == DType::float32 ? 4 : 2;
}

// Updates n elements of p and of the states in place. `scalars` starts with the scalars of the stages
// and goes on with those of the rule, all of the kernel's dtype; the last is not zero where it is to fetch
// ahead.
using Sweep = void (*)(const void* scalars, void* p, const void* g, void* const* states,
                       std::ptrdiff_t n) noexcept;

// The same with all that can follow the rule, on streams of their own: average = keep * average +
// take * p, the copy of p in bfloat16, and zeros.
struct Everything {
    void* average;
    void* copy;
    void* zero;
    double keep, take;
};
using FullSweep = void (*)(const void* scalars, void* p, const void* g, void* const* states,
                           const Everything& everything, std::ptrdiff_t n) noexcept;

// Reads a block of a gradient of any layout into a tile of rows x columns; strides in bytes.
using Gather = void (*)(const char* g, std::ptrdiff_t row_stride, std::ptrdiff_t column_stride,
                        std::ptrdiff_t rows, std::ptrdiff_t columns, void* tile) noexcept;

// Sum the squares of n elements, or of the differences of two times n, at most one block of them; see
// kernels/reduce.hpp.
using SumOfSquares = double (*)(const void* elements, std::ptrdiff_t n, bool fetch_ahead) noexcept;
using SumOfDifferences = double (*)(const void* a, const void* b, std::ptrdiff_t n) noexcept;
constexpr std::ptrdiff_t reduce_block = 4096;

// What follows the rule; see kernels/epilogue.hpp.
using Pull = void (*)(void* p, void* slow, std::ptrdiff_t n, double keep, double take) noexcept;
using Average = void (*)(void* average, const void* p, std::ptrdiff_t n, double keep,
                         double take) noexcept;
using Narrow = void (*)(void* copy, const void* p, std::ptrdiff_t n) noexcept;

// What every rule of a dtype has in common.
struct Common {
    Gather gather[dtype_count];    // from gradients of each dtype
    SumOfSquares sum_of_squares;
    SumOfDifferences sum_of_differences;
    Pull pull;
    Average average;
    Narrow to_float16, to_bfloat16;
};

// What rides along around the rule, see kernels/stages.hpp; STAGES in python/fastopt/algorithm/stages.py has them
// in this order. How many scalars a row has for its stage says which one it is, but for the first
// three, which have as many.
enum class Stage : int { bare, decoupled, coupled, cautious, l1, cautious_l1 };
constexpr int stage_count = 6;
constexpr std::size_t decay_scalars = 5, cautious_scalars = 4, l1_scalars = 7, cautious_l1_scalars = 6;

// A row of scalars: those of the stage, those of the rule, and in a slot of its own whether to fetch ahead.
constexpr std::size_t row_slots = 32, most_scalars = row_slots - 1;

struct Kernel {
    const char* rule;
    DType dtype;
    int states;
    int coefficients;                     // of the rule, without the scalars of the stages
    Sweep sweep[stage_count];             // null where the rule was not compiled for a stage
    FullSweep full_sweep[stage_count];    // null where a stage has no such kernel
    const Common* common;
};

// Every level's table has the same kernels in the same order.
struct KernelTable {
    const Kernel* kernels;
    int count;
};

constexpr int max_states = 8;

}  // namespace fastopt
