// The streams of one parameter: itself, its states, and what follows it.
#pragma once
#include "plan/direction.hpp"
#include "plan/portion.hpp"
#include "plan/stored.hpp"

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
    const Stored* stored = nullptr;    // how the parameter and its own states are; null: as they are computed in

    // How many of the states are spread.
    int spreads() const { return portion && portion->spread ? int(portion->spread->data.size()) : 0; }
    std::size_t item() const { return itemsize(kernel->dtype); }

    // The parameter is stream 0, its states are those that follow.
    char* data(std::size_t stream) const { return stream == 0 ? p : states[stream - 1]; }
    bool is_stored(std::size_t stream) const { return stored && stored->has(stream); }
    // Where to read n elements of a stream, as they are computed in: where they lie, or read into `to`.
    char* elements(std::size_t stream, std::ptrdiff_t begin, std::ptrdiff_t n, char* to, bool ahead = false) const {
        if (!is_stored(stream)) return data(stream) + std::size_t(begin) * item();
        stored->read(stream, *kernel->common, data(stream), begin, n, to, ahead);
        return to;
    }
};

}  // namespace fastopt
