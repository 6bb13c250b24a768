// What a step should make of a parameter, found on another way than a plan's: whole copies in its own
// dtype, stages and followers by hand, and of csrc/ only the bare rule, of another level.
#pragma once
#include <utility>
#include <vector>

#include "fuzz/subject.hpp"
#include "plan/pass.hpp"

namespace driver::fuzz {

// What is asked for in a step, besides the gradients.
struct Asked {
    fastopt::Pass pass;
    bool slow, averages, copies, portions;    // whether there are any
    bool flush;                     // subnormals are zero
};

// Of one parameter, after a step.
struct Expected {
    std::vector<std::vector<char>> arrays;    // as `Subject::written` lists them
    std::vector<std::vector<char>> beside;    // what stands beside the parameter and each state
    std::vector<char> copy, gradient;         // of the gradient all of its memory's block
    double squares = 0.0;                     // of the gradient
    std::pair<double, double> sums{};         // of the squares of update and new values
};

Expected expect(Random& random, const Subject& subject, const Row& row, const Asked& asked,
                const fastopt::KernelTable& other_level);

}  // namespace driver::fuzz
