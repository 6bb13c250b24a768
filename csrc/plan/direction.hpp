// What is measured of a step before it is taken.
#pragma once
#include <array>

#include "kernels/kernel.hpp"

namespace fastopt {

enum class Summed : int { nothing, squares, values };

// A kernel that is run on copies of a parameter and its states, and what is summed of the results. It may have
// more states than the rule, which are results alone and 0 before, or fewer.
struct Direction {
    const Kernel* kernel = nullptr;
    std::array<Summed, max_states + 1> summed{};    // of the parameter, of the states
    bool kept = false;    // whether the result for the parameter is written where the rule has its last state

    int results() const { return kernel ? kernel->states + 1 : 0; }
};

}  // namespace fastopt
