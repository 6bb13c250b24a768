// Measures how long a direction would be, and each parameter, before anything is changed: on copies of
// parameter and states, tile by tile.
#include <algorithm>
#include <cstring>
#include <stdexcept>

#include "plan/plan.hpp"

namespace fastopt {
namespace {

constexpr std::size_t measured_bytes = 4096;    // of a stream

}  // namespace

void Plan::attach_directions(const std::vector<const Kernel*>& kernels) {
    for (std::size_t i = 0; i < arrays_.size(); ++i) {
        Streams& streams = arrays_[i].streams;
        const Kernel* const direction = kernels.at(i);
        if (direction && (direction->dtype != streams.kernel->dtype ||
                          direction->states != streams.kernel->states)) {
            throw std::invalid_argument("a direction has other states than the rule");
        }
        streams.direction = direction;
    }
}

std::vector<Sums> Plan::measure(int threads, const std::vector<int>& row_of) {
    choose_rows(row_of);
    check_rows(&Streams::direction);
    return run_summing(Work::measure, {}, threads);
}

void Plan::measure(const Span& span, Sums* sums) const noexcept {
    const Array& array = *span.array;
    const Streams& streams = array.streams;
    if (!array.g || !streams.direction) return;
    const Kernel& kernel = *streams.direction;
    const std::size_t item = streams.item();
    const auto tile = std::ptrdiff_t(measured_bytes / item);
    alignas(64) char direction[reduce_block * sizeof(double)];
    alignas(64) char states[max_states][measured_bytes], gathered[measured_bytes];
    Streams copies{.kernel = &kernel, .p = nullptr, .states = {}};
    for (int s = 0; s < kernel.states; ++s) copies.states[s] = states[s];
    const Update update(copies, &scalars_[std::size_t(array.row)], pass_, distance_);
    for (std::ptrdiff_t begin = span.begin; begin < span.end; begin += reduce_block, ++sums) {
        const std::ptrdiff_t end = std::min(begin + reduce_block, span.end);
        for (std::ptrdiff_t from = begin, to; from < end; from = to) {
            to = std::min(from + tile, end);
            const std::size_t bytes = std::size_t(to - from) * item, at = std::size_t(from) * item;
            copies.p = direction + std::size_t(from - begin) * item;
            std::memcpy(copies.p, streams.p + at, bytes);
            for (int s = 0; s < kernel.states; ++s) std::memcpy(states[s], streams.states[s] + at, bytes);
            char* g = array.g + at;
            if (array.strided) {
                array.strided->read(kernel, from, to, gathered);
                g = gathered;
            }
            update(0, to - from, g, false);
        }
        sums->first = kernel.common->sum_of_squares(direction, end - begin, false);
        sums->second = kernel.common->sum_of_squares(streams.p + std::size_t(begin) * item, end - begin, false);
    }
}

}  // namespace fastopt
