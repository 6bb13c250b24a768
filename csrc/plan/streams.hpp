// The streams of one parameter: itself, its states, and what follows it.
#pragma once
#include "kernels/kernel.hpp"
#include "plan/portion.hpp"

namespace fastopt {

struct Streams {
    const Kernel* kernel;
    const Kernel* direction = nullptr;
    char* p;
    char* states[max_states];
    char* slow = nullptr;
    char* average = nullptr;
    char* copy = nullptr;
    DType copied = DType::bfloat16;    // the dtype of the copy
    const Portion* portion = nullptr;    // how much of the step it takes; null: all

    std::size_t item() const { return itemsize(kernel->dtype); }
};

}  // namespace fastopt
