// Every kernel: rule or direction, dtype, loop and level, for 0 to 257 elements at several places of a cache line.
// The bits must be those of baseline's kernel asked for one element at a time, which is no vector code.
#include <cstdio>
#include <memory>
#include <vector>

#include "buffer.hpp"
#include "given_scalars.hpp"
#include "levels.hpp"
#include "parts.hpp"

namespace driver {
namespace {

using fastopt::DType;
using fastopt::Kernel;
using fastopt::Scalars;
using fastopt::Sweep;

constexpr std::ptrdiff_t most = 257;

// What a kernel reads and writes, of n elements.
struct Arrays {
    Buffer p, g;
    std::vector<std::unique_ptr<Buffer>> states;

    Arrays(const Kernel& kernel, std::ptrdiff_t n, std::size_t phase)
        : p(bytes(kernel, n), phase),
          g(bytes(kernel, n), phase) {
        for (int s = 0; s < kernel.states; ++s) {
            states.push_back(std::make_unique<Buffer>(bytes(kernel, n), phase));
        }
    }
    static std::size_t bytes(const Kernel& kernel, std::ptrdiff_t n) {
        return std::size_t(n) * itemsize(kernel.dtype);
    }

    // Positive, so that roots are numbers, and bits can be compared.
    void fill(DType dtype) {
        Numbers numbers(7);
        for (Buffer* buffer : all()) buffer->fill(dtype, numbers, 0.1, 2.0);
    }
    void copy_from(Arrays& other) {
        const auto from = other.all(), to = all();
        for (std::size_t k = 0; k < to.size(); ++k) to[k]->copy_from(*from[k]);
    }
    bool begins(Arrays& other) {
        bool same = true;
        const auto mine = all(), others = other.all();
        for (std::size_t k = 0; k < mine.size(); ++k) same &= mine[k]->begins(*others[k]);
        return same;
    }
    // One call of a loop, for the elements from `begin`.
    void update(const Kernel& kernel, Sweep sweep, const Scalars& scalars, std::ptrdiff_t begin,
                std::ptrdiff_t n) {
        const std::size_t offset = bytes(kernel, begin);
        void* moved[fastopt::max_states];
        for (int s = 0; s < kernel.states; ++s) moved[s] = states[std::size_t(s)]->data() + offset;
        sweep(scalars, p.data() + offset, g.data() + offset, moved, n);
    }
    // One look at the elements from `begin`, whose results go to the parameter and the states of others.
    void look(const Kernel& kernel, const Scalars& scalars, std::ptrdiff_t begin, std::ptrdiff_t n, Arrays& into) {
        const std::size_t offset = bytes(kernel, begin);
        const void* from[fastopt::max_states + 1] = {p.data() + offset};
        void* to[fastopt::max_states + 1] = {into.p.data() + offset};
        for (std::size_t s = 0; s < states.size(); ++s) {
            from[s + 1] = states[s]->data() + offset;
            to[s + 1] = into.states[s]->data() + offset;
        }
        kernel.look(scalars, g.data() + offset, from, to, n);
    }

private:
    std::vector<Buffer*> all() {
        std::vector<Buffer*> found{&p, &g};
        for (const auto& state : states) found.push_back(state.get());
        return found;
    }
};

// A kernel's loop with a stage, of every level, by the kernel's number; gives back how often it was called.
long compare(int number, int stage) {
    const auto levels = tables();
    const Kernel& one_by_one = levels.front()->kernels[number];
    const GivenScalars scalars(one_by_one);
    Arrays before(one_by_one, most, 0), expected(one_by_one, most, 0);
    before.fill(one_by_one.dtype);
    expected.copy_from(before);
    for (std::ptrdiff_t i = 0; i < most; ++i) {
        expected.update(one_by_one, one_by_one.fused[stage], scalars.given(false), i, 1);
    }
    long calls = 0;
    for (const fastopt::KernelTable* level : levels) {
        const Kernel& kernel = level->kernels[number];
        for (std::ptrdiff_t n = 0; n <= most; ++n) {
            // As n goes on, each place of a cache line comes, fetching ahead and not.
            Arrays arrays(kernel, n, std::size_t(n) * itemsize(kernel.dtype) % line);
            arrays.copy_from(before);
            arrays.update(kernel, kernel.fused[stage], scalars.given(n % 3 == 0), 0, n);
            CHECK(arrays.begins(expected));
            ++calls;
        }
    }
    return calls;
}

// The same for a direction, which must leave alone what it is given.
long compare_looks(int number) {
    const auto levels = tables();
    const Kernel& one_by_one = levels.front()->kernels[number];
    const GivenScalars scalars(one_by_one);
    Arrays given(one_by_one, most, 0), expected(one_by_one, most, 0);
    given.fill(one_by_one.dtype);
    expected.copy_from(given);
    for (std::ptrdiff_t i = 0; i < most; ++i) given.look(one_by_one, scalars.given(false), i, 1, expected);
    long calls = 0;
    for (const fastopt::KernelTable* level : levels) {
        const Kernel& kernel = level->kernels[number];
        for (std::ptrdiff_t n = 0; n <= most; ++n) {
            const std::size_t phase = std::size_t(n) * itemsize(kernel.dtype) % line;
            Arrays arrays(kernel, n, phase), found(kernel, n, phase);
            arrays.copy_from(given);
            found.copy_from(given);
            arrays.look(kernel, scalars.given(n % 3 == 0), 0, n, found);
            CHECK(found.begins(expected));
            CHECK(arrays.begins(given));
            ++calls;
        }
    }
    return calls;
}

}  // namespace

void kernels() {
    long calls = 0;
    for (int number = 0; number < tables().front()->count; ++number) {
        const Kernel& kernel = tables().front()->kernels[number];
        for (int stage = 0; stage < fastopt::most_fused; ++stage) {
            if (kernel.fused[stage]) calls += compare(number, stage);
        }
        if (kernel.look) calls += compare_looks(number);
    }
    std::printf("kernels: %ld calls on %zu levels gave the bits of baseline\n", calls, tables().size());
}

}  // namespace driver
