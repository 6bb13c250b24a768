// Every kernel: rule, dtype, stage and level, for 0 to 257 elements at several places of a cache line.
// The bits must be those of baseline's kernel asked for one element at a time, which is no vector code.
#include <cstdio>
#include <memory>
#include <vector>

#include "buffer.hpp"
#include "levels.hpp"
#include "parts.hpp"

namespace driver {
namespace {

using fastopt::DType;
using fastopt::Everything;
using fastopt::Kernel;

constexpr std::ptrdiff_t most = 257;
constexpr double keep = 0.9, take = 0.1;

// What a kernel reads and writes, of n elements.
struct Arrays {
    Buffer p, g, average, copy, zero;
    std::vector<std::unique_ptr<Buffer>> states;

    Arrays(const Kernel& kernel, std::ptrdiff_t n, std::size_t phase)
        : p(bytes(kernel, n), phase),
          g(bytes(kernel, n), phase),
          average(bytes(kernel, n), phase),
          copy(std::size_t(n) * 2, phase),
          zero(bytes(kernel, n), phase) {
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
        std::memset(copy.data(), 1, copy.size());
    }
    void copy_from(Arrays& other) {
        const auto from = other.all(), to = all();
        for (std::size_t k = 0; k < to.size(); ++k) to[k]->copy_from(*from[k]);
        copy.copy_from(other.copy);
    }
    bool begins(Arrays& other) {
        bool same = copy.begins(other.copy);
        const auto mine = all(), others = other.all();
        for (std::size_t k = 0; k < mine.size(); ++k) same &= mine[k]->begins(*others[k]);
        return same;
    }
    // One call of the kernel, or of the one that does everything, for the elements from `begin`.
    void update(const Kernel& kernel, int stage, const Buffer& scalars, bool everything,
                std::ptrdiff_t begin, std::ptrdiff_t n) {
        const std::size_t offset = bytes(kernel, begin);
        void* moved[fastopt::max_states];
        for (int s = 0; s < kernel.states; ++s) moved[s] = states[std::size_t(s)]->data() + offset;
        if (everything) {
            const Everything given{average.data() + offset, copy.data() + begin * 2,
                                   zero.data() + offset, keep, take};
            kernel.full_sweep[stage](scalars.data(), p.data() + offset, g.data() + offset, moved, given,
                                    n);
        } else {
            kernel.sweep[stage](scalars.data(), p.data() + offset, g.data() + offset, moved, n);
        }
    }

private:
    std::vector<Buffer*> all() {
        std::vector<Buffer*> found{&p, &g, &average, &zero};
        for (const auto& state : states) found.push_back(state.get());
        return found;
    }
};

// Scalars that keep every value small and in the range of the roots; the last says whether to fetch ahead.
void fill_scalars(Buffer& scalars, DType dtype, double ahead) {
    Numbers numbers(11);
    scalars.fill(dtype, numbers, 0.3, 0.7);
    scalars.set(dtype, scalars.size() / itemsize(dtype) - 1, ahead);
}

std::size_t scalars_of(int stage) {
    using namespace fastopt;
    const std::size_t counts[stage_count] = {decay_scalars, decay_scalars,  decay_scalars,
                                             cautious_scalars, l1_scalars, cautious_l1_scalars};
    return counts[stage];
}

// A kernel of every level, by its number, with a stage; gives back how often one was called.
long compare(int number, int stage, bool everything) {
    const auto levels = tables();
    const Kernel& one_by_one = levels.front()->kernels[number];
    const std::size_t item = itemsize(one_by_one.dtype);
    Buffer scalars((scalars_of(stage) + std::size_t(one_by_one.coefficients) + 1) * item);
    fill_scalars(scalars, one_by_one.dtype, 0.0);
    Arrays before(one_by_one, most, 0), expected(one_by_one, most, 0);
    before.fill(one_by_one.dtype);
    expected.copy_from(before);
    for (std::ptrdiff_t i = 0; i < most; ++i) {
        expected.update(one_by_one, stage, scalars, everything, i, 1);
    }
    long calls = 0;
    for (const fastopt::KernelTable* level : levels) {
        const Kernel& kernel = level->kernels[number];
        for (std::ptrdiff_t n = 0; n <= most; ++n) {
            // As n goes on, each place of a cache line comes, fetching ahead and not.
            const std::size_t phase = std::size_t(n) * item % line;
            fill_scalars(scalars, kernel.dtype, n % 3 == 0 ? 1.0 : 0.0);
            Arrays arrays(kernel, n, phase);
            arrays.copy_from(before);
            arrays.update(kernel, stage, scalars, everything, 0, n);
            CHECK(arrays.begins(expected));
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
        for (int stage = 0; stage < fastopt::stage_count; ++stage) {
            if (kernel.sweep[stage]) calls += compare(number, stage, false);
            if (kernel.full_sweep[stage]) calls += compare(number, stage, true);
        }
    }
    std::printf("kernels: %ld calls on %zu levels gave the bits of baseline\n", calls, tables().size());
}

}  // namespace driver
