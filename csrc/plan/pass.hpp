// What a step can be asked for besides the update; python/fastopt/backends has the same as NamedTuples.
#pragma once
#include <cstdint>

namespace fastopt {

// Which forms of gradients a step takes.
struct GradientForms {
    bool written;     // they are zeroed, and must allow it
    bool cast;        // other float dtypes are taken too, each element rounded once
};

// What a pass over all arrays does besides the update.
struct Pass {
    bool zero = false;    // the gradients, when they have been read
    bool average = false; // update the averages: keep * average + take * p
    double keep = 0.0, take = 0.0;
    bool pull = false;    // slow weights and parameters both become pull_keep * slow + pull_take * p
    double pull_keep = 0.0, pull_take = 0.0;
    bool backwards = false;    // from the last chunk to the first
    std::uint64_t step = 0;    // the number of steps taken before, of which noise is made
};

}  // namespace fastopt
