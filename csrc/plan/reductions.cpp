// Reduces what a kernel makes of arrays that broadcast to the parameter, for each element, to their shapes: sums, or
// the largest. Pieces are cut along the outermost axis by the sizes alone, and runs along the last one into segments,
// so that the bits do not depend on the threads. python/fastopt/numerics/reductions.py is the same in Python.
#include <algorithm>
#include <limits>
#include <stdexcept>

#include "plan/look.hpp"
#include "plan/parallel.hpp"
#include "plan/plan.hpp"

namespace fastopt {
namespace {

constexpr std::ptrdiff_t piece_elements = 65536, most_pieces = 32;

}  // namespace

struct Plan::Reducing {
    const Plan* plan;
    const Array* array;
    const Reduction* reduction;
    std::ptrdiff_t begin, end;      // elements
    std::vector<double*> into;      // where each array is reduced to
};

void Plan::reduce_part(void* parts, std::uint32_t part) noexcept {
    const Reducing& work = static_cast<const Reducing*>(parts)[part];
    work.plan->reduce(work);
}

void Plan::reduce(std::size_t which, int threads, const std::vector<int>& row_of,
                  const std::vector<std::vector<double*>>& into) {
    choose_rows(row_of);
    std::vector<Reducing> work;
    std::vector<std::size_t> bytes{0};
    struct Partial {
        double* to;
        std::size_t first, parts, size;
        bool largest;
    };
    std::vector<double> partial;
    std::vector<Partial> partials;
    std::vector<std::pair<std::size_t, std::size_t>> places;    // in `work`: what goes to which part of `partial`
    for (std::size_t i = 0; i < arrays_.size(); ++i) {
        const Array& array = arrays_[i];
        if (!array.g || into.at(i).empty() || !array.size) continue;
        const Reduction& reduction = reductions_.at(i).at(which);
        const Spread& spread = *array.streams.portion->spread;
        check_row(array, *reduction.kernel);
        const std::ptrdiff_t outer = spread.lengths.front(), each = array.size / outer;
        const std::ptrdiff_t count =
            std::min(std::clamp(array.size / piece_elements, std::ptrdiff_t(1), most_pieces), outer);
        const std::size_t first = work.size();
        for (std::ptrdiff_t k = 0; k < count; ++k) {
            const std::ptrdiff_t begin = outer * k / count * each, end = outer * (k + 1) / count * each;
            work.push_back({this, &array, &reduction, begin, end, into[i]});
            bytes.push_back(bytes.back() + std::size_t(end - begin) * array.streams.item());
        }
        const double identity = reduction.largest ? -std::numeric_limits<double>::infinity() : 0.0;
        for (std::size_t a = 0; a < into[i].size(); ++a) {
            std::size_t size = 1;
            for (std::size_t axis = 0; axis < spread.lengths.size(); ++axis) {
                if (spread.steps[a][axis]) size *= std::size_t(spread.lengths[axis]);
            }
            std::fill_n(into[i][a], size, identity);
            if (count == 1 || spread.steps[a].front() != 0) continue;    // no two pieces go to one place
            partials.push_back({into[i][a], partial.size(), std::size_t(count), size, reduction.largest});
            partial.resize(partial.size() + std::size_t(count) * size, identity);
            for (std::size_t k = 0; k < std::size_t(count); ++k) places.emplace_back(first + k, a);
        }
    }
    if (work.empty()) return;
    auto place = places.begin();
    for (const Partial& each : partials) {
        for (std::size_t k = 0; k < each.parts; ++k, ++place) {
            work[place->first].into[place->second] = partial.data() + each.first + k * each.size;
        }
    }
    share_out(bytes, threads, &Plan::reduce_part, work.data(), false, unlocked_);
    for (const Partial& each : partials) {
        for (std::size_t k = 0; k < each.parts * each.size; ++k) {
            double& to = each.to[k % each.size];
            const double from = partial[each.first + k];
            to = each.largest ? ((to >= from) | (to != to) ? to : from) : to + from;
        }
    }
}

void Plan::reduce(const Reducing& work) const noexcept {
    static_assert(segment_bytes <= Looking::most_bytes);
    const Array& array = *work.array;
    const Streams& streams = array.streams;
    const Spread& spread = *streams.portion->spread;
    const Kernel& kernel = *work.reduction->kernel;
    const Common& common = *kernel.common;
    const std::size_t item = streams.item();
    alignas(64) char results[max_states + 1][segment_bytes], gathered[segment_bytes];
    Sink sinks[max_states + 1];
    const int first = kernel.states + 1 - int(work.into.size());    // what is spread are the last states
    for (int k = first; k <= kernel.states; ++k) sinks[k].to = results[k];
    const Looking look(streams, kernel, scalars_[std::size_t(array.row)], far() && look_trial_.fetches());
    // Whole runs if they are short, else segments of one.
    const std::ptrdiff_t run = spread.lengths.size() > 1 ? spread.lengths.back() : work.end - work.begin;
    for (std::ptrdiff_t begin = work.begin, n; begin < work.end; begin += n) {
        const std::ptrdiff_t into_run = (begin - work.begin) % run;
        n = run <= segment ? std::min(segment / run * run, work.end - begin) : std::min(segment, run - into_run);
        look(begin, n, array.gradient(begin, begin + n, gathered), sinks);
        const auto made = results + first;
        std::size_t done = 0;
        spread.each_run(begin, n, [&](std::ptrdiff_t at, std::ptrdiff_t length, const std::ptrdiff_t* offsets) {
            for (std::size_t a = 0; a < work.into.size(); ++a) {
                const char* const from = made[a] + done;
                double* const to = work.into[a] + offsets[a];
                const bool same = spread.steps[a].back() == 0;
                if (work.reduction->largest) {
                    same ? common.raise_one(to, from, length) : common.raise_each(to + at, from, length);
                } else if (same) {
                    *to += common.sum_of_values(from, length);
                } else {
                    common.add_each(to + at, from, length);
                }
            }
            done += std::size_t(length) * item;
        });
    }
}

}  // namespace fastopt
