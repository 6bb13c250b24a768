// Measures a step before anything is changed: runs directions on copies of parameters and states, tile by tile,
// and sums over the results.
#include <algorithm>
#include <cstring>
#include <stdexcept>

#include "plan/plan.hpp"

namespace fastopt {
namespace {

constexpr std::size_t measured_bytes = 4096;    // of a stream
constexpr int most_results = max_states + 1;

double sum(const Common& common, Summed what, const char* elements, std::ptrdiff_t n) {
    return what == Summed::squares ? common.sum_of_squares(elements, n, false)
                                   : common.sum_of_values(elements, n);
}

}  // namespace

void Plan::attach_directions(const std::vector<Direction>& directions) {
    directions_ = directions;
    for (std::size_t i = 0; i < arrays_.size(); ++i) {
        const Direction& direction = directions_.at(i);
        Streams& streams = arrays_[i].streams;
        if (direction.kernel && direction.kernel->dtype != streams.kernel->dtype) {
            throw std::invalid_argument("a direction has another dtype than its rule");
        }
        streams.direction = direction.kernel ? &direction : nullptr;
    }
}

std::vector<std::vector<double>> Plan::measure(int threads, const std::vector<int>& row_of) {
    choose_rows(row_of);
    std::size_t results = 0;
    for (std::size_t i = 0; i < arrays_.size(); ++i) {
        results = std::max(results, std::size_t(directions_.at(i).results()));
        if (directions_[i].kernel) check_row(arrays_[i], *directions_[i].kernel);
    }
    const std::size_t width = results + 1;
    const std::vector<double> sums = run_summing(Work::measure, {}, threads, width);
    std::vector<std::vector<double>> found;
    for (std::size_t i = 0; i < arrays_.size(); ++i) {
        std::vector<double>& each = found.emplace_back();
        const auto begin = sums.begin() + std::ptrdiff_t(i * width);
        const int own = directions_[i].results();
        if (!own) continue;
        each.assign(begin, begin + own);
        each.push_back(begin[std::ptrdiff_t(results)]);    // of the parameter
    }
    return found;
}

void Plan::measure(const Span& span, double* sums) const noexcept {
    const Array& array = *span.array;
    const Streams& streams = array.streams;
    if (!array.g || !streams.direction) return;
    const Direction& direction = *streams.direction;
    const Kernel& kernel = *direction.kernel;
    const std::size_t item = streams.item();
    const int known = streams.kernel->states, own = known - streams.spreads();
    const auto tile = std::ptrdiff_t(measured_bytes / item);
    // What is summed is kept for a block, what is not for a tile.
    alignas(64) char results[most_results][reduce_block * sizeof(double)];
    alignas(64) char gathered[measured_bytes];
    Streams copies{.kernel = &kernel, .p = nullptr, .states = {}};
    const Update update(copies, &scalars_[std::size_t(array.row)], pass_, distance_);
    for (std::ptrdiff_t begin = span.begin; begin < span.end; begin += reduce_block, sums += width_) {
        const std::ptrdiff_t end = std::min(begin + reduce_block, span.end);
        for (std::ptrdiff_t from = begin, to; from < end; from = to) {
            to = std::min(from + tile, end);
            const std::size_t bytes = std::size_t(to - from) * item, at = std::size_t(from) * item;
            const std::size_t into = std::size_t(from - begin) * item;
            for (int k = 0; k <= kernel.states; ++k) {
                char* const copy = results[k] + (direction.summed[std::size_t(k)] != Summed::nothing ? into : 0);
                (k ? copies.states[k - 1] : copies.p) = copy;
                if (k > known) {
                    std::memset(copy, 0, bytes);
                } else if (k > own) {
                    streams.portion->spread->read(std::size_t(k - own - 1), item, from, to - from, copy);
                } else {
                    std::memcpy(copy, (k ? streams.states[k - 1] : streams.p) + at, bytes);
                }
            }
            char* g = array.g + at;
            if (array.strided) {
                array.strided->read(kernel, from, to, gathered);
                g = gathered;
            }
            update(0, to - from, g, false);
            if (direction.kept >= 0) std::memcpy(streams.states[direction.kept] + at, copies.p, bytes);
        }
        for (int k = 0; k <= kernel.states; ++k) {
            const Summed what = direction.summed[std::size_t(k)];
            if (what != Summed::nothing) sums[k] = sum(*kernel.common, what, results[k], end - begin);
        }
        sums[width_ - 1] = kernel.common->sum_of_squares(streams.p + std::size_t(begin) * item, end - begin, false);
    }
}

}  // namespace fastopt
