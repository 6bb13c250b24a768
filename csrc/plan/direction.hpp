// What is measured of a step before it is taken.
#pragma once
#include <array>

#include "kernels/kernel.hpp"

namespace fastopt {

// A kernel that looks at a parameter and its states, and what is summed of the results. It may have more states
// than the rule, which are results alone and 0 before, or fewer.
struct Direction {
    const Kernel* kernel = nullptr;
    std::array<Summed, max_states + 1> summed{};    // of the parameter, of the states
    int kept = -1;    // the number of the state of the rule to which the result for the parameter is written
    bool weighs = true;    // whether the squares of the parameter itself are summed

    int results() const { return kernel ? kernel->states + 1 : 0; }
};

// What is reduced before: what a kernel returns for its last states, to the largest or to sums.
struct Reduction {
    const Kernel* kernel;
    bool largest;
};

}  // namespace fastopt
