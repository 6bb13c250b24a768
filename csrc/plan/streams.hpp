// The streams of one parameter: itself, its states, and what follows it.
#pragma once
#include "plan/direction.hpp"
#include "plan/portion.hpp"

namespace fastopt {

// What every step reads comes first, to lie in one line of memory.
struct Streams {
    const Kernel* kernel;
    char* p;
    const Portion* portion = nullptr;    // how much of the step it takes; null: all
    char* copy = nullptr;
    char* states[max_states];
    char* slow = nullptr;
    char* average = nullptr;
    const Direction* direction = nullptr;    // null: nothing is measured
    DType copied = DType::bfloat16;    // the dtype of the copy

    // How many of the states are spread.
    int spreads() const { return portion && portion->spread ? int(portion->spread->data.size()) : 0; }
    std::size_t item() const { return itemsize(kernel->dtype); }
};

}  // namespace fastopt
