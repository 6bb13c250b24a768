// How much of its step each element of a parameter takes: where its entries lie in memory. It is the caller's
// memory, read at each step as it is then.
#pragma once
#include <algorithm>
#include <cstddef>

#include "plan/spread.hpp"

namespace fastopt {

// Element e, in the order of the parameter's memory, has the entry e / run % period: an entry for each
// element, for each row, or for each column, without an array of the parameter's size.
struct Entries {
    const char* data = nullptr;    // null: all take all of it
    std::ptrdiff_t run = 1, period = 1;

    // Calls work(done, length, entry, step) for stretches of the n elements from `begin`: their entries lie
    // one after the other from `entry`, or are this one alone, where the step is 0.
    template <class Work>
    void each_stretch(std::ptrdiff_t begin, std::ptrdiff_t n, std::size_t item, Work work) const {
        for (std::ptrdiff_t done = 0, length = 0; done < n; done += length) {
            const std::ptrdiff_t first = (begin + done) / run, place = first % period;
            const std::ptrdiff_t left = run == 1 ? period - place : (first + 1) * run - (begin + done);
            length = std::min(left, n - done);
            work(done, length, data + std::size_t(place) * item, std::ptrdiff_t(run == 1));
        }
    }
};

struct Portion {
    Entries scale{};    // in the dtype of the parameter: the step is multiplied by it
    Entries mask{};     // a byte each: no step where it is 0
    const Spread* spread = nullptr;    // not a portion, but as rare: what broadcasts to the parameter

    bool is_whole() const { return !scale.data && !mask.data; }
};

}  // namespace fastopt
