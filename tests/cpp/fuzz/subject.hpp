// A parameter of a plan: its arrays, what follows it, and the gradient of a step.
#pragma once
#include <array>
#include <optional>
#include <vector>

#include "fuzz/formats.hpp"
#include "fuzz/layout.hpp"
#include "fuzz/memory.hpp"
#include "fuzz/portion.hpp"
#include "fuzz/rows.hpp"

namespace driver::fuzz {

using fastopt::ArrayView;

struct Gradient {
    DType dtype;
    Layout layout;
    Memory memory;

    ArrayView view(bool writeable = true) const { return layout.view(memory.data(), dtype, writeable); }
    char* at(std::ptrdiff_t place) const { return memory.data() + place; }
};

struct Subject {
    int number;    // of its kernel in a level's table
    DType dtype, copied;
    Lengths shape;
    bool fortran, wild;
    int assigned = 0;    // the row that it is updated with
    Memory p;
    std::vector<Memory> states;
    Memory slow, average, copy;
    DrawnEntries scale{}, mask{};
    std::optional<Gradient> gradient{};

    std::ptrdiff_t size() const { return elements_of(shape); }
    // All that is written with it, of its own dtype; the copy is not.
    std::vector<const Memory*> written() const {
        std::vector<const Memory*> found{&p, &slow, &average};
        for (const Memory& state : states) found.push_back(&state);
        return found;
    }
    ArrayView view(const Memory& memory, const Layout& layout) const {
        return layout.view(memory.data(), dtype);
    }
    Layout layout() const { return Layout::contiguous(shape, itemsize(dtype), fortran); }
};

}  // namespace driver::fuzz
