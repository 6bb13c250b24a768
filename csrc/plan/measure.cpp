// Measures a step before anything is changed: sums over what directions return, tile by tile.
#include <algorithm>
#include <stdexcept>
#include <string>

#include "plan/look.hpp"
#include "plan/plan.hpp"

namespace fastopt {

void Plan::attach_directions(const std::vector<Direction>& directions) {
    directions_ = directions;
    for (std::size_t i = 0; i < arrays_.size(); ++i) {
        const Direction& direction = directions_.at(i);
        Streams& streams = arrays_[i].streams;
        if (direction.kernel && direction.kernel->dtype != streams.kernel->dtype) {
            throw std::invalid_argument("a direction has another dtype than its rule");
        }
        for (int k = 0; direction.kernel && direction.kernel->look && k <= direction.kernel->states; ++k) {
            if (direction.summed[std::size_t(k)] != Summed::nothing && !(direction.kernel->results >> k & 1)) {
                throw std::invalid_argument(std::string("what is summed is no result of ") + direction.kernel->rule);
            }
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
    char* const kept = direction.kept >= 0 ? streams.states[direction.kept] : nullptr;
    alignas(64) char gathered[Looking::most_bytes];
    const Looking look(streams, kernel, scalars_[std::size_t(array.row)], distance_.ahead);
    const auto tile = std::ptrdiff_t(Looking::most_bytes / item);
    for (std::ptrdiff_t begin = span.begin; begin < span.end; begin += reduce_block, sums += width_) {
        const std::ptrdiff_t end = std::min(begin + reduce_block, span.end);
        double lanes[max_states + 1][lane_count] = {};
        Sink sinks[max_states + 1];
        for (int k = 0; k <= kernel.states; ++k) {
            const Summed what = direction.summed[std::size_t(k)];
            if (what != Summed::nothing) sinks[k] = {.lanes = lanes[k], .summed = what};
        }
        for (std::ptrdiff_t from = begin, to; from < end; from = to) {
            to = std::min(from + tile, end);
            const std::size_t at = std::size_t(from) * item;
            if (kept) sinks[0].to = kept + at;
            look(from, to - from, array.gradient(from, to, gathered), sinks);
        }
        for (int k = 0; k <= kernel.states; ++k) {
            if (sinks[k].lanes) sums[k] = kernel.common->folded(sinks[k].lanes);
        }
        if (!direction.weighs) continue;
        alignas(64) char read[reduce_block * sizeof(double)];
        const char* const p = streams.elements(0, begin, end - begin, read);
        sums[width_ - 1] = kernel.common->sum_of_squares(p, end - begin, distance_.ahead);
    }
}

std::vector<double> Plan::agreements(int threads, const std::vector<int>& row_of) {
    choose_rows(row_of);
    for (const Array& array : arrays_) check_row(array, array.kernel());
    return run_summing(Work::agree, {}, threads, 1);
}

void Plan::agree(const Span& span, double* sums) const noexcept {
    const Array& array = *span.array;
    if (!array.g) return;
    const auto tile = std::ptrdiff_t(Looking::most_bytes / array.streams.item());
    alignas(64) char gathered[Looking::most_bytes];
    const Looking look(array.streams, array.kernel(), scalars_[std::size_t(array.row)], distance_.ahead);
    for (std::ptrdiff_t begin = span.begin, end; begin < span.end; begin = end) {
        end = std::min(begin + tile, span.end);
        const char* const g = array.gradient(begin, end, gathered);
        *sums += double(look.agreeing(begin, end - begin, g));    // whole numbers: exact in any order
    }
}

}  // namespace fastopt
