// A kernel that was compiled elsewhere, for a user's own rule.
#pragma once
#include <cstdint>
#include <stdexcept>
#include <string>
#include <utility>

#include "dispatch/levels.hpp"

namespace fastopt {

struct OwnKernel {
    // `sweep` is the address of its sweep, with the stage `decoupled` around the rule.
    OwnKernel(std::string given, const std::string& dtype, int states, int coefficients,
              std::uintptr_t sweep)
        : name(std::move(given)),
          // What is the same for every rule of a dtype comes from one of ours.
          kernel(find_kernel("sgd", dtype == "float32" ? DType::float32 : DType::float64)) {
        if (states > max_states) throw std::invalid_argument("a rule can have 8 states");
        kernel.rule = name.c_str();
        kernel.states = states;
        kernel.coefficients = coefficients;
        const auto found = reinterpret_cast<Sweep>(sweep);
        kernel.fused[int(Stage::bare)] = kernel.fused[int(Stage::decoupled)] = found;
        kernel.fused[int(Stage::coupled)] = nullptr;
    }

    std::string name;
    Kernel kernel;
};

}  // namespace fastopt
