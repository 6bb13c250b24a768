// The step: from rows of scalars and gradients that have been taken to the update of every chunk.
#include <algorithm>
#include <chrono>
#include <cstring>
#include <stdexcept>
#include <string>

#include "plan/parallel.hpp"
#include "plan/partition.hpp"
#include "plan/plan.hpp"
#include "pool/fpenv.hpp"

namespace fastopt {
namespace {

// Elements that are updated, and followed by the rest, at a time: their streams stay in L1.
constexpr std::ptrdiff_t update_tile = 2048;
// What a last level of cache holds, by and large.
constexpr std::size_t bytes_in_caches = 24 * 1024 * 1024;
alignas(64) thread_local char scratch[update_tile * sizeof(double)];

void move_to(void** moved, char* const* states, int count, std::size_t bytes) {
    for (int s = 0; s < count; ++s) moved[s] = states[s] + bytes;
}

}  // namespace

void Plan::run(int threads, const Pass& pass, const std::vector<int>& row_of) {
    choose_rows(row_of);
    check_rows();
    first_block_.clear();
    run_chunks(pass, threads);
}

void Plan::choose_rows(const std::vector<int>& row_of) {
    for (std::size_t i = 0; i < arrays_.size(); ++i) {
        arrays_[i].row = row_of.empty() ? arrays_[i].assigned : row_of.at(i);
    }
}

void Plan::check_rows() const {
    for (const Array& array : arrays_) {
        if (!array.g) continue;
        const ScalarRow& row = scalars_.at(std::size_t(array.row));
        if (row.count != row.of_stage + std::size_t(array.kernel->coefficients)) {
            throw std::invalid_argument(std::string("the rule ") + array.kernel->rule +
                                        " has another number of coefficients");
        }
        if (!array.kernel->sweep[int(row.stage)]) {
            throw std::invalid_argument(std::string("the rule ") + array.kernel->rule +
                                        " has not been compiled for this stage");
        }
    }
}

bool Plan::far() const { return bytes_.back() > bytes_in_caches; }

void Plan::run_chunks(const Pass& pass, int threads) {
    pass_ = pass;
    const bool ahead = fetches_ahead();
    for (ScalarRow& row : scalars_) row.fetch_ahead(ahead);
    const auto begun = std::chrono::steady_clock::now();
    share_out(bytes_, threads, &Plan::run_chunk, this, pass.backwards, unlocked_);
    if (far()) prefetch_trial_.took(std::chrono::steady_clock::now() - begun);
}

void Plan::run_chunk(void* plan, std::uint32_t chunk) noexcept {
    auto& self = *static_cast<Plan*>(plan);
    // For a chunk, not for a thread: a worker that comes late takes chunks of another plan's step.
    const SubnormalsFlushed flushed(self.flush_subnormals_);
    const bool backwards = self.pass_.backwards;
    const std::uint32_t begin = self.chunks_[chunk], end = self.chunks_[chunk + 1];
    for (std::uint32_t s = begin; s < end; ++s) {
        const Span& span = self.spans_[backwards ? begin + (end - 1 - s) : s];
        if (self.first_block_.empty()) {
            self.update(span);
        } else {
            self.update_and_sum(span);
        }
    }
}

AfterUpdate Plan::after_update(const Array& array) const {
    return {.common = array.kernel->common,
            .itemsize = itemsize(array.kernel->dtype),
            .slow = pass_.pull && array.g ? array.slow : nullptr,
            .average = pass_.average ? array.average : nullptr,
            .copy = array.g ? array.copy : nullptr,
            .narrow = array.narrow,
            .pass = &pass_};
}

void Plan::update(const Span& span) const noexcept {
    const Array& array = *span.array;
    const AfterUpdate after = after_update(array);
    if (!array.g) return after(array.p, span.begin, span.end - span.begin);
    const Kernel& kernel = *array.kernel;
    const ScalarRow& row = scalars_[std::size_t(array.row)];
    const void* scalars = row.of(kernel.dtype);
    const Sweep sweep = kernel.sweep[int(row.stage)];
    if (array.strided) {
        // The span's share of the blocks, in the same proportion as its share of the elements.
        const std::ptrdiff_t blocks = array.strided->blocks();
        const auto share = [&](std::ptrdiff_t element) {
            return begin_of_share(blocks, element, array.size);
        };
        array.strided->run(kernel, sweep, scalars, array.p, array.states, after, pass_.zero,
                           share(span.begin), share(span.end));
        return;
    }
    const std::size_t item = itemsize(kernel.dtype);
    // The kernel that does everything is worth its scratch where most of it is asked for.
    const FullSweep full = kernel.full_sweep[int(row.stage)];
    const bool fused = full && !after.slow && after.average && after.copy &&
                       after.narrow == kernel.common->to_bfloat16;
    const bool whole = pass_.zero ? fused : after.nothing();
    const std::ptrdiff_t tile = whole ? span.end - span.begin : update_tile;
    for (std::ptrdiff_t begin = span.begin; begin < span.end; begin += tile) {
        const std::ptrdiff_t n = std::min(tile, span.end - begin);
        const std::size_t bytes = std::size_t(begin) * item;
        char* const g = array.g + bytes;
        void* states[max_states];
        move_to(states, array.states, kernel.states, bytes);
        if (fused) {
            const Everything everything{after.average + bytes, after.copy + std::size_t(begin) * 2,
                                        pass_.zero ? g : scratch, pass_.keep, pass_.take};
            full(scalars, array.p + bytes, g, states, everything, n);
        } else {
            sweep(scalars, array.p + bytes, g, states, n);
            after(array.p, begin, n);
            if (pass_.zero) std::memset(g, 0, std::size_t(n) * item);
        }
    }
}

}  // namespace fastopt
