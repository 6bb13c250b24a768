// The scalars of a step as Python computes them, recorded as operations on doubles, and done again.
// python/fastopt/numerics/recording.py records them, and has the same operations in the same order.
#pragma once
#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

namespace fastopt {

#define FASTOPT_OPERATIONS(each)                                                                          \
    each(add) each(subtract) each(multiply) each(divide) each(floor_divide) each(modulo) each(negate)     \
    each(absolute) each(raise) each(square_root) each(cosine) each(exponential) each(power)               \
    each(real_power) each(less) each(less_equal) each(equal) each(whole)

#define FASTOPT_OPERATION(name) name,
enum class Operation : std::uint8_t { FASTOPT_OPERATIONS(FASTOPT_OPERATION) };
#undef FASTOPT_OPERATION

#define FASTOPT_OPERATION(name) #name,
inline constexpr const char* operation_names[] = {FASTOPT_OPERATIONS(FASTOPT_OPERATION)};
#undef FASTOPT_OPERATION
inline constexpr std::size_t operation_count = std::size(operation_names);

class Tape {
public:
    struct Step {
        Operation operation;
        bool answer;    // of a comparison, when it was recorded
        std::uint16_t result, a, b;    // places
    };

    // Throws for places that there are not, or that nothing has been written to.
    Tape(std::size_t given, const std::vector<std::pair<std::size_t, double>>& constants,
         std::vector<Step> steps);

    // What is given each time, in the first places.
    double& operator[](std::size_t place) { return values_[place]; }
    std::size_t size() const { return values_.size(); }

    // Does everything again. False where a comparison comes out otherwise, or Python would raise: then
    // it has to compute by itself.
    bool run() noexcept;

private:
    std::vector<double> values_;
    std::vector<Step> steps_;
};

}  // namespace fastopt
