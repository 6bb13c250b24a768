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
#include "fuzz/stored.hpp"
#include "plan/stored.hpp"

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
    // How parameter and states are stored, if not as they are computed in, and what stands beside each.
    bool is_stored = false;
    fastopt::Stored stored{};
    std::vector<Memory> beside{};

    std::ptrdiff_t size() const { return elements_of(shape); }
    // All that is written with it, of its own dtype; the copy is not.
    std::vector<const Memory*> written() const {
        std::vector<const Memory*> found{&p, &slow, &average};
        for (const Memory& state : states) found.push_back(&state);
        return found;
    }
    const Memory& stream(std::size_t k) const { return k == 0 ? p : states[k - 1]; }
    // All of a stream as it lies in memory.
    Bits bits(std::size_t k) const {
        const auto all = [](const Memory& memory) {
            return std::vector<char>(memory.data(), memory.data() + memory.bytes());
        };
        return {all(stream(k)), is_stored ? all(beside[k]) : std::vector<char>()};
    }
    ArrayView view(const Memory& memory, const Layout& layout) const {
        return layout.view(memory.data(), dtype);
    }
    Layout layout() const { return Layout::contiguous(shape, itemsize(dtype), fortran); }
};

}  // namespace driver::fuzz
