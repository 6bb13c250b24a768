// How much of its step each element of a parameter takes: entries that are drawn, and written out by hand.
#pragma once
#include <cstddef>
#include <vector>

#include "fuzz/layout.hpp"
#include "fuzz/memory.hpp"
#include "plan/portion.hpp"

namespace driver::fuzz {

// One for each element, or for each place along some axes that follow each other in memory.
struct DrawnEntries {
    std::ptrdiff_t run = 1, count = 0;    // none where the count is 0
    Memory memory;

    fastopt::Entries entries() const { return {count ? memory.data() : nullptr, run, count}; }

    static DrawnEntries drawn(Random& random, const Lengths& shape, bool fortran, std::size_t item) {
        std::vector<std::ptrdiff_t> axes(shape.begin(), shape.end());    // from the innermost outwards
        if (!fortran) axes = {shape.rbegin(), shape.rend()};
        if (random.one_in(3) || elements_of(shape) == 0) return {};
        std::size_t first = 0, last = axes.size();
        if (random.one_in(2)) first = std::size_t(random.below(std::ptrdiff_t(axes.size()) + 1));
        if (random.one_in(2)) last = first + std::size_t(random.below(std::ptrdiff_t(last - first) + 1));
        DrawnEntries found{.count = 1, .memory = {}};
        for (std::size_t k = 0; k < last; ++k) (k < first ? found.run : found.count) *= axes[k];
        found.memory = {random, std::size_t(found.count) * item, item};
        return found;
    }

    // The entry of each element of a parameter of so many.
    template <class T> std::vector<T> of_each(std::size_t size) const {
        std::vector<T> found;
        while (found.size() < size) {
            for (std::ptrdiff_t k = 0; k < count; ++k) {
                T entry;
                std::memcpy(&entry, memory.data() + std::size_t(k) * sizeof(T), sizeof(T));
                found.insert(found.end(), std::size_t(run), entry);
            }
        }
        return found;
    }
};

}  // namespace driver::fuzz
