// A parameter and its states, in buffers of their own.
#pragma once
#include <cstddef>
#include <memory>
#include <vector>

#include "buffer.hpp"

namespace driver {

struct Parameter {
    Buffer p;
    std::vector<std::unique_ptr<Buffer>> states;

    Parameter(const fastopt::Kernel& kernel, std::size_t elements)
        : p(elements * itemsize(kernel.dtype)) {
        Numbers numbers(17);
        p.fill(kernel.dtype, numbers, -1.0, 1.0);
        for (int s = 0; s < kernel.states; ++s) {
            states.push_back(std::make_unique<Buffer>(p.size()));
            states.back()->fill(kernel.dtype, numbers, 0.5, 1.0);
        }
    }
    std::vector<char*> addresses() const {
        std::vector<char*> found;
        for (const auto& state : states) found.push_back(state->data());
        return found;
    }
    bool begins(const Parameter& other) const {
        bool same = p.begins(other.p);
        for (std::size_t s = 0; s < states.size(); ++s) same &= states[s]->begins(*other.states[s]);
        return same;
    }
};

}  // namespace driver
