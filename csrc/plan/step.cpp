// The step: from scalars and gradients that have been taken to the sweep over all chunks.
#include <algorithm>
#include <chrono>
#include <cstring>
#include <stdexcept>

#include "python/step_count.hpp"
#include "plan/partition.hpp"
#include "pool/fpenv.hpp"
#include "plan/plan.hpp"
#include "plan/parallel.hpp"

namespace fastopt {
namespace {

// Elements that are updated and finished at a time: their streams stay in L1.
constexpr std::ptrdiff_t finish_tile = 2048;
// What a last level of cache holds, by and large.
constexpr std::size_t bytes_in_caches = 24 * 1024 * 1024;
alignas(64) thread_local char scratch[finish_tile * sizeof(double)];

void move_to(void** moved, char* const* states, int count, std::size_t bytes) {
    for (int s = 0; s < count; ++s) moved[s] = states[s] + bytes;
}

}  // namespace

std::ptrdiff_t Plan::step(py::handle gradients, py::handle params, py::handle cohorts,
                          py::handle coefficients, int threads, py::handle counter) {
    if (!PyList_Check(cohorts.ptr())) throw std::invalid_argument("cohorts are in a list");
    const py::ssize_t count = PyList_GET_SIZE(cohorts.ptr());
    scalars_.resize(std::size_t(count));
    counted_.clear();
    for (py::ssize_t r = 0; r < count; ++r) {
        const Cohort cohort(PyList_GET_ITEM(cohorts.ptr(), r));
        counted_.push_back(cohort.next_step());
        const py::object stage = cohort.stage_scalars();
        const py::object rule = cohort.coefficients(coefficients, counted_.back());
        scalars_[std::size_t(r)].take(stage.ptr(), rule.ptr());
    }
    const py::object steps = Cohort::steps_after(counter);
    const std::ptrdiff_t found = bind(gradients, params, false, {});
    if (found != bound) return found;
    choose_rows({});
    check_rows();
    first_block_.clear();
    sweep_all({}, threads);
    for (py::ssize_t r = 0; r < count; ++r) {
        Cohort::count_step(PyList_GET_ITEM(cohorts.ptr(), r), counted_[std::size_t(r)]);
    }
    Cohort::count(counter, steps);
    return bound;
}

void Plan::run(py::handle rows, int threads, const Extras& extras, const Changes& changes,
               const std::vector<int>& row_of) {
    read_rows(rows);
    choose_rows(row_of);
    check_rows();
    first_block_.clear();
    sweep_all(extras, threads);
    changes.apply();
}

bool Plan::far() const { return bytes_.back() > bytes_in_caches; }

void Plan::sweep_all(const Extras& extras, int threads) {
    extras_ = extras;
    const bool ahead = fetches_ahead();
    for (Scalars& row : scalars_) row.fetch_ahead(ahead);
    const auto begun = std::chrono::steady_clock::now();
    share_out(bytes_, threads, &Plan::sweep_chunk, this, extras.backwards);
    if (far()) prefetch_trial_.took(std::chrono::steady_clock::now() - begun);
}

void Plan::sweep_chunk(void* plan, std::uint32_t chunk) noexcept {
    auto& self = *static_cast<Plan*>(plan);
    // For a chunk, not for a thread: a worker that comes late takes chunks of another plan's step.
    const SubnormalsFlushed flushed(self.flush_subnormals_);
    const bool backwards = self.extras_.backwards;
    const std::uint32_t begin = self.chunks_[chunk], end = self.chunks_[chunk + 1];
    for (std::uint32_t s = begin; s < end; ++s) {
        const Span& span = self.spans_[backwards ? begin + (end - 1 - s) : s];
        if (self.first_block_.empty()) {
            self.sweep(span);
        } else {
            self.sweep_and_sum(span);
        }
    }
}

Finish Plan::finish_of(const Array& array) const {
    return {.common = array.kernel->common,
            .itemsize = itemsize(array.kernel->dtype),
            .slow = extras_.pull && array.g ? array.slow : nullptr,
            .average = extras_.average ? array.average : nullptr,
            .copy = array.g ? array.copy : nullptr,
            .narrow = array.narrow,
            .extras = &extras_};
}

void Plan::sweep(const Span& span) const noexcept {
    const Array& array = *span.array;
    const Finish finish = finish_of(array);
    if (!array.g) return finish(array.p, span.begin, span.end - span.begin);
    const Kernel& kernel = *array.kernel;
    const Scalars& row = scalars_[std::size_t(array.row)];
    const void* scalars = row.of(kernel.dtype);
    const Sweep update = kernel.sweep[int(row.stage)];
    if (array.strided) {
        // The span's share of the blocks, in the same proportion as its share of the elements.
        const std::ptrdiff_t blocks = array.strided->blocks();
        const auto share = [&](std::ptrdiff_t element) {
            return begin_of_share(blocks, element, array.size);
        };
        array.strided->run(kernel, update, scalars, array.p, array.states, finish, extras_.zero,
                           share(span.begin), share(span.end));
        return;
    }
    const std::size_t item = itemsize(kernel.dtype);
    // The kernel that does everything is worth its scratch where most of it is asked for.
    const SweepAll all = kernel.sweep_all[int(row.stage)];
    const bool fused = all && !finish.slow && finish.average && finish.copy &&
                       finish.narrow == kernel.common->to_bfloat16;
    const bool whole = extras_.zero ? fused : finish.nothing();
    const std::ptrdiff_t tile = whole ? span.end - span.begin : finish_tile;
    for (std::ptrdiff_t begin = span.begin; begin < span.end; begin += tile) {
        const std::ptrdiff_t n = std::min(tile, span.end - begin);
        const std::size_t bytes = std::size_t(begin) * item;
        char* const g = array.g + bytes;
        void* states[max_states];
        move_to(states, array.states, kernel.states, bytes);
        if (fused) {
            const Everything everything{finish.average + bytes, finish.copy + std::size_t(begin) * 2,
                                        extras_.zero ? g : scratch, extras_.keep, extras_.take};
            all(scalars, array.p + bytes, g, states, everything, n);
        } else {
            update(scalars, array.p + bytes, g, states, n);
            finish(array.p, begin, n);
            if (extras_.zero) std::memset(g, 0, std::size_t(n) * item);
        }
    }
}

}  // namespace fastopt
