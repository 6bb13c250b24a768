// What a kernel is: a rule, compiled for one dtype and one instruction-set level, as the plan calls it.
#pragma once
#include <cstddef>
#include <cstdint>

#include "kernels/formats.hpp"
#include "kernels/stages.hpp"
#include "kernels/storage.hpp"

namespace fastopt {

#define FASTOPT_FORMAT_NAME(name, type, bytes) name,
#define FASTOPT_FORMAT_SPELLED(name, type, bytes) #name,
#define FASTOPT_FORMAT_BYTES(name, type, bytes) bytes,
enum class DType : int { FASTOPT_FORMATS(FASTOPT_FORMAT_NAME) };
constexpr const char* dtype_names[] = {FASTOPT_FORMATS(FASTOPT_FORMAT_SPELLED)};
constexpr int dtype_count = sizeof dtype_names / sizeof *dtype_names;
constexpr std::size_t dtype_bytes[] = {FASTOPT_FORMATS(FASTOPT_FORMAT_BYTES)};

constexpr std::size_t itemsize(DType dtype) { return dtype_bytes[int(dtype)]; }

// How a stream of a parameter is stored, that is not as it is computed in.
#define FASTOPT_STORAGE_NAME(name, bytes, beside, shared) name,
#define FASTOPT_STORAGE_SPELLED(name, bytes, beside, shared) #name,
#define FASTOPT_STORAGE_SIZES(name, bytes, beside, shared) {bytes, beside, shared},
enum class Storage : int { FASTOPT_STORAGES(FASTOPT_STORAGE_NAME) };
constexpr const char* storage_names[] = {FASTOPT_STORAGES(FASTOPT_STORAGE_SPELLED)};
constexpr int storage_count = sizeof storage_names / sizeof *storage_names;
constexpr struct StorageSizes {
    std::size_t bytes;         // of an element
    std::size_t beside;        // of what stands beside it,
    std::ptrdiff_t shared;     // and how many elements share that
} storage_sizes[] = {FASTOPT_STORAGES(FASTOPT_STORAGE_SIZES)};

// The scalars of a step, in the kernel's dtype, and whether to fetch ahead.
struct Scalars {
    const void* stage;    // StageScalars, in kernels/stages.hpp
    const void* rule;
    std::ptrdiff_t ahead;    // 0 or 1; as wide as the others, for kernels that are compiled elsewhere
};

// Updates n elements of p and of the states in place.
using Sweep = void (*)(const Scalars& scalars, void* p, const void* g, void* const* states,
                       std::ptrdiff_t n) noexcept;

// Writes what would become of n elements of `streams`, the parameter and its states, to as many places, as far as the
// direction returns it; changes nothing.
using Look = void (*)(const Scalars& scalars, const void* g, const void* const* streams, void* const* results,
                      std::ptrdiff_t n) noexcept;

// What rides along around the rule.
#define FASTOPT_NAMED(stage) stage,
#define FASTOPT_SPELLED(stage) #stage,
enum class Stage : int { FASTOPT_STAGES(FASTOPT_NAMED) };
constexpr const char* stage_names[] = {FASTOPT_STAGES(FASTOPT_SPELLED)};
constexpr int stage_count = sizeof stage_names / sizeof *stage_names;
constexpr int most_fused = 3;
constexpr std::size_t stage_scalars = 9;
constexpr std::size_t most_coefficients = 32;    // of a rule

// Tile operations: on n elements that stay in the first cache, compiled once for a dtype.

// What a stage does to parameter and gradient before the rule; the gradient that the rule sees goes to
// `changed`, and what the parameter was to `old`, where the stage asks for it afterwards.
using Before = void (*)(const Scalars& scalars, void* p, const void* g, void* changed, void* old,
                        std::ptrdiff_t n) noexcept;
using After = void (*)(const Scalars& scalars, void* p, const void* old, std::ptrdiff_t n) noexcept;

// What is done between the two: multiplies the rule's step from `old` to p by `agree` where it goes along the gradient
// that the rule was given, and leaves out the rest; or, where that is below 0, gives it the signs of the gradient.
// Counts the elements whose step goes along it.
using Agree = void (*)(void* p, const void* old, const void* g, std::ptrdiff_t n, double agree) noexcept;
using Agreeing = std::ptrdiff_t (*)(const void* p, const void* old, const void* g, std::ptrdiff_t n) noexcept;

// What follows the rule: p and slow weights both become keep * slow + take * p; the average becomes
// keep * average + take * p; the copy becomes p, rounded to another dtype.
using Pull = void (*)(void* p, void* slow, std::ptrdiff_t n, double keep, double take,
                      bool ahead) noexcept;
using Average = void (*)(void* average, const void* p, std::ptrdiff_t n, double keep, double take,
                         bool ahead) noexcept;
using Narrow = void (*)(void* copy, const void* p, std::ptrdiff_t n, bool ahead) noexcept;

// Takes back of the step from `old` to p what an entry says, of which there is one for each element, or one
// for all where the step from one to the next is 0.
using TakePortion = void (*)(void* p, const void* old, const void* entries, std::ptrdiff_t step,
                             std::ptrdiff_t n, bool ahead) noexcept;

// Reads a block of a gradient of any layout into a tile of rows x columns; strides in bytes.
using Gather = void (*)(const char* g, std::ptrdiff_t row_stride, std::ptrdiff_t column_stride,
                        std::ptrdiff_t rows, std::ptrdiff_t columns, void* tile) noexcept;

// Reads n elements that are stored into a tile, from the edge of what shares something; writes them, rounded to nearest
// or by half of the noise, from the bit `shift` on; makes the noise for the elements from `first` on.
using Decode = void (*)(const void* data, const void* rest, void* to, std::ptrdiff_t n, bool ahead) noexcept;
using Encode = void (*)(void* data, void* rest, const void* from, std::ptrdiff_t n, const std::uint32_t* noise,
                        int shift) noexcept;
using MakeNoise = void (*)(std::uint32_t* to, std::uint32_t first, std::uint32_t key, std::ptrdiff_t n) noexcept;

// Sum n elements, their squares, or the squares of the differences of two times n, at most one block of
// them; see kernels/reduce.hpp.
using SumOfSquares = double (*)(const void* elements, std::ptrdiff_t n, bool ahead) noexcept;
using SumOfValues = double (*)(const void* elements, std::ptrdiff_t n) noexcept;
using SumOfDifferences = double (*)(const void* a, const void* b, std::ptrdiff_t n) noexcept;
// Adds n elements, or their squares, to the lanes of such a sum; adds these up.
enum class Summed : int { nothing, squares, values };
using AddToLanes = void (*)(const void* elements, std::ptrdiff_t n, Summed what, double* lanes) noexcept;
using Folded = double (*)(double* lanes) noexcept;
// Add n elements to as many sums, make numbers the largest of themselves and an element each, or one that of all.
using Gathering = void (*)(double* to, const void* elements, std::ptrdiff_t n) noexcept;
constexpr std::ptrdiff_t reduce_block = 4096, lane_count = 32;

// What every rule of a dtype has in common.
struct Common {
    struct Around {
        Before before;
        After after;
    };
    struct Codec {
        Decode decode;
        Encode encode;
    };
    const void* neutral;           // the scalars of a stage that change nothing
    Around around[stage_count];    // null for the first, which every rule has a loop with
    Agree agree;
    Agreeing agreeing;
    Gather gather[dtype_count];    // from gradients of each dtype
    Narrow narrow[dtype_count];    // to copies of each dtype
    Pull pull;
    Average average;
    TakePortion scale, hold_scaled, hold_masked;    // see kernels/portions.hpp
    SumOfSquares sum_of_squares;
    SumOfValues sum_of_values;
    Gathering add_each, raise_each, raise_one;
    SumOfDifferences sum_of_differences;
    AddToLanes add_to_lanes;
    Folded folded;
    Codec codecs[storage_count];    // null for the first, and where nothing is stored otherwise
    MakeNoise noise;
};

constexpr int max_states = 8;

struct Kernel {
    const char* rule;
    DType dtype;
    int states;
    int coefficients;
    Sweep fused[most_fused];    // its loops with the first stages; null where there is none
    Look look;                  // of a direction, which has no other loop; null for what updates
    unsigned read, results;     // what it reads of parameter and states, and what it returns: a bit each
    bool staged;                // whether stages go around it
    const Common* common;

    bool takes_stages() const { return staged; }
};

// Every level's table has the same kernels in the same order.
struct KernelTable {
    const Kernel* kernels;
    int count;
};

}  // namespace fastopt
