// The step: from rows of scalars and gradients that have been taken to the update of every chunk.
#include <algorithm>
#include <chrono>
#include <stdexcept>
#include <string>

#include "plan/parallel.hpp"
#include "plan/partition.hpp"
#include "plan/plan.hpp"
#include "pool/fpenv.hpp"

namespace fastopt {
namespace {

// What a last level of cache holds, by and large.
constexpr std::size_t bytes_in_caches = 24 * 1024 * 1024;

}  // namespace

void Plan::run(int threads, const Pass& pass, const std::vector<int>& row_of) {
    choose_rows(row_of);
    for (const Array& array : arrays_) check_row(array, array.kernel());
    for (const ArrayRows& each : row_gradients_) check_scalars(*each.array, each.array->kernel());
    const auto has_gradient = [](const Array& array) { return array.g != nullptr; };
    if (row_gradients_.empty() || pass.average || std::ranges::any_of(arrays_, has_gradient)) {
        run_chunks(Work::update, pass, threads);
    }
    if (!row_gradients_.empty()) run_rows(pass, threads);
}

void Plan::choose_rows(const std::vector<int>& row_of) {
    for (std::size_t i = 0; i < arrays_.size(); ++i) {
        arrays_[i].row = row_of.empty() ? arrays_[i].assigned : row_of.at(i);
    }
}

bool Plan::far() const { return bytes_.back() > bytes_in_caches; }

void Plan::run_chunks(Work work, const Pass& pass, int threads) {
    work_ = work;
    pass_ = pass;
    PrefetchTrial& trial = work == Work::measure || work == Work::agree ? look_trial_ : prefetch_trial_;
    distance_ = {.far = far(), .ahead = far() && trial.fetches()};
    const auto share = [&] { share_out(bytes_, threads, &Plan::run_chunk, this, pass.backwards, unlocked_); };
    if (!distance_.far) return share();    // without a look at the clock, which a small step would notice
    const auto begun = std::chrono::steady_clock::now();
    share();
    trial.took(std::chrono::steady_clock::now() - begun);
}

void Plan::run_chunk(void* plan, std::uint32_t chunk) noexcept {
    auto& self = *static_cast<Plan*>(plan);
    // For a chunk, not for a thread: a worker that comes late takes chunks of another plan's step.
    const SubnormalsFlushed flushed(self.flush_subnormals_);
    const bool backwards = self.pass_.backwards;
    const std::uint32_t begin = self.chunks_[chunk], end = self.chunks_[chunk + 1];
    for (std::uint32_t s = begin; s < end; ++s) {
        const Span& span = self.spans_[backwards ? begin + (end - 1 - s) : s];
        if (self.work_ == Work::update) {
            self.update(span);
            continue;
        }
        const std::size_t first = self.first_block_[std::size_t(&span - self.spans_.data())];
        double* const sums = &self.sums_[first * self.width_];
        if (self.work_ == Work::measure) {
            self.measure(span, sums);
        } else if (self.work_ == Work::agree) {
            self.agree(span, sums);
        } else {
            self.update_and_sum(span, sums);
        }
    }
}

Update Plan::update_of(const Array& array) const {
    const ScalarRow* const row = array.g ? &scalars_[std::size_t(array.row)] : nullptr;
    return {array.streams, row, pass_, distance_};
}

void Plan::update(const Span& span) const noexcept {
    const Array& array = *span.array;
    const Update update = update_of(array);
    if (!array.g) return update(span.begin, span.end - span.begin);
    if (!array.strided) {
        char* const g = array.g + std::size_t(span.begin) * array.streams.item();
        return update(span.begin, span.end - span.begin, g, pass_.zero);
    }
    if (array.streams.stored) return update_in_order(span, update);
    // The span's share of the blocks, in the same proportion as its share of the elements.
    const std::ptrdiff_t blocks = array.strided->blocks();
    const auto share = [&](std::ptrdiff_t element) { return begin_of_share(blocks, element, array.size); };
    array.strided->run(update, pass_.zero, share(span.begin), share(span.end));
}

// In the order of the parameter's memory, as elements can share what stands beside them.
[[gnu::noinline]] void Plan::update_in_order(const Span& span, const Update& update) const noexcept {
    constexpr std::ptrdiff_t most = 512;
    alignas(64) char gathered[most * sizeof(float)];
    const StridedGradient& gradient = *span.array->strided;
    for (std::ptrdiff_t begin = span.begin, end; begin < span.end; begin = end) {
        end = std::min(begin + most, span.end);
        if (distance_.ahead) gradient.fetch_ahead(begin, end);
        gradient.read(span.array->kernel(), begin, end, gathered);
        update(begin, end - begin, gathered, false);
        if (pass_.zero) gradient.zero(begin, end);
    }
}

}  // namespace fastopt
