// Which instruction-set levels this build has, which of them this machine runs, and the one in use.
#pragma once
#include <string>
#include <vector>

#include "kernels/kernel.hpp"

namespace fastopt {

// The levels of this build that this machine runs, lowest first.
std::vector<std::string> runnable_levels();

// Takes a level by its name; plans made from now on use it. Throws std::invalid_argument.
void use_level(const std::string& name);
const char* level_in_use();

const KernelTable& kernel_table();
const Kernel& find_kernel(const std::string& rule, DType dtype);    // throws std::invalid_argument

}  // namespace fastopt
