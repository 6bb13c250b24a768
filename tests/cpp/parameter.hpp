// A parameter and its states, in buffers of their own.
#pragma once
#include <cstddef>
#include <memory>
#include <vector>

#include "buffer.hpp"
#include "plan/scalar_row.hpp"
#include "plan/streams.hpp"

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
    fastopt::Streams streams(const fastopt::Kernel& kernel) {
        fastopt::Streams found{.kernel = &kernel, .p = p.data(), .states = {}};
        for (std::size_t s = 0; s < states.size(); ++s) found.states[s] = states[s]->data();
        return found;
    }
    // What a plan should do, in one call of each part.
    void update(const fastopt::Kernel& kernel, const fastopt::ScalarRow& row, const Buffer& g) {
        const auto n = std::ptrdiff_t(p.size() / itemsize(kernel.dtype));
        const fastopt::Streams found = streams(kernel);
        const std::vector<void*> moved(found.states, found.states + kernel.states);
        const fastopt::Scalars scalars = row.of(kernel.dtype, false);
        const auto& around = kernel.common->around[int(row.stage())];
        if (!around.before) {
            return kernel.fused[int(row.stage())](scalars, p.data(), g.data(), moved.data(), n);
        }
        Buffer changed(p.size()), old(p.size());
        around.before(scalars, p.data(), g.data(), changed.data(), old.data(), n);
        const fastopt::Scalars neutral{kernel.common->neutral, scalars.rule, 0};
        kernel.fused[0](neutral, p.data(), changed.data(), moved.data(), n);
        around.after(scalars, p.data(), old.data(), n);
    }
    bool begins(const Parameter& other) const {
        bool same = p.begins(other.p);
        for (std::size_t s = 0; s < states.size(); ++s) same &= states[s]->begins(*other.states[s]);
        return same;
    }
};

}  // namespace driver
