// The tables of kernels of all levels that this machine runs, baseline's first.
#pragma once
#include <vector>

#include "kernels/kernel.hpp"

namespace driver {

std::vector<const fastopt::KernelTable*> tables();

}  // namespace driver
