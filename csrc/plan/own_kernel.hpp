// A kernel that was compiled elsewhere, for a user's own rule.
#pragma once
#include <cstdint>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "dispatch/levels.hpp"

namespace fastopt {

struct OwnKernel {
    // `sweeps` are the addresses of its sweeps, one for each stage in their order, 0 where there is
    // none.
    OwnKernel(std::string given, const std::string& dtype, int states, int coefficients,
              const std::vector<std::uintptr_t>& sweeps)
        : name(std::move(given)),
          // What is the same for every rule of a dtype comes from one of ours.
          kernel(find_kernel("sgd", dtype == "float32" ? DType::float32 : DType::float64)) {
        if (states > max_states) throw std::invalid_argument("a rule can have 8 states");
        kernel.rule = name.c_str();
        kernel.states = states;
        kernel.coefficients = coefficients;
        for (int s = 0; s < stage_count; ++s) {
            kernel.sweep[s] = reinterpret_cast<Sweep>(sweeps.at(std::size_t(s)));
            kernel.full_sweep[s] = nullptr;
        }
    }

    std::string name;
    Kernel kernel;
};

}  // namespace fastopt
