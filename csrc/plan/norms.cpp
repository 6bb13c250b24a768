// The sums that a plan can be asked for: of the squares of each gradient, in a pass of its own, and of
// each update and each parameter, in the pass of the step. Blocks are summed in parallel, then the blocks
// of each array in their order.
#include <algorithm>
#include <cstring>

#include "plan/parallel.hpp"
#include "plan/partition.hpp"
#include "plan/plan.hpp"

namespace fastopt {
namespace {

constexpr std::ptrdiff_t longest_piece = 32 * reduce_block;

std::ptrdiff_t blocks(std::ptrdiff_t elements) { return pieces(elements, reduce_block); }

}  // namespace

std::vector<double> Plan::sums_of_squares(int threads) {
    std::ptrdiff_t count = 0;
    for (const Array& array : arrays_) count += blocks(array.size);
    std::vector<double> sums(std::size_t(count), 0.0);
    std::vector<Piece> work;
    std::vector<std::size_t> bytes{0};
    double* next = sums.data();
    const bool ahead = fetches_ahead();
    for (const Array& array : arrays_) {
        for (std::ptrdiff_t begin = 0, end = 0; array.g && begin < array.size; begin = end) {
            end = end_of_piece(begin, longest_piece, array.size);
            work.push_back({&array, begin, end, next, ahead});
            next += blocks(end - begin);
            bytes.push_back(bytes.back() + std::size_t(end - begin) * itemsize(array.kernel().dtype));
        }
    }
    if (!work.empty()) {
        share_out(bytes, threads, &Plan::reduce_piece, work.data(), false, unlocked_);
    }
    std::vector<double> totals;
    totals.reserve(arrays_.size());
    const double* sum = sums.data();
    for (const Array& array : arrays_) {
        double total = 0.0;
        for (std::ptrdiff_t left = array.g ? blocks(array.size) : 0; left > 0; --left) total += *sum++;
        totals.push_back(total);
    }
    add_squares_of_rows(threads, totals);
    return totals;
}

void Plan::reduce_piece(void* pieces, std::uint32_t piece) noexcept {
    const Piece& work = static_cast<const Piece*>(pieces)[piece];
    const Array& array = *work.array;
    const Kernel& kernel = array.kernel();
    alignas(64) char copied[reduce_block * sizeof(double)];
    double* sum = work.sums;
    for (std::ptrdiff_t begin = work.begin; begin < work.end; begin += reduce_block) {
        const std::ptrdiff_t end = std::min(begin + reduce_block, work.end);
        *sum++ = kernel.common->sum_of_squares(array.gradient(begin, end, copied), end - begin, work.ahead);
    }
}

std::vector<Sums> Plan::run_with_sums(int threads, const Pass& pass, const std::vector<int>& row_of) {
    choose_rows(row_of);
    for (const Array& array : arrays_) check_row(array, array.kernel());
    const std::vector<double> sums = run_summing(Work::update_and_sum, pass, threads, 2);
    std::vector<Sums> found;
    for (std::size_t i = 0; i < sums.size(); i += 2) found.emplace_back(sums[i], sums[i + 1]);
    return found;
}

std::vector<double> Plan::run_summing(Work work, const Pass& pass, int threads, std::size_t width) {
    first_block_.clear();
    std::size_t count = 0;
    for (const Span& span : spans_) {
        first_block_.push_back(count);
        count += std::size_t(blocks(span.end - span.begin));
    }
    width_ = width;
    sums_.assign(count * width, 0.0);
    std::vector<double> totals(arrays_.size() * width);
    run_chunks(work, pass, threads);
    for (std::size_t s = 0; s < spans_.size(); ++s) {
        double* const total = &totals[std::size_t(spans_[s].array - arrays_.data()) * width];
        const std::size_t end = s + 1 < spans_.size() ? first_block_[s + 1] : count;
        for (std::size_t k = first_block_[s] * width; k < end * width; ++k) total[k % width] += sums_[k];
    }
    return totals;
}

void Plan::update_and_sum(const Span& span, double* sums) const noexcept {
    const Array& array = *span.array;
    const Kernel& kernel = array.kernel();
    const Update update = update_of(array);
    const std::size_t item = array.streams.item();
    constexpr std::size_t most = reduce_block * sizeof(double);
    alignas(64) char before[most], gathered[most], read[most];
    for (std::ptrdiff_t begin = span.begin; begin < span.end; begin += reduce_block, sums += 2) {
        const std::ptrdiff_t n = std::min(reduce_block, span.end - begin);
        const auto now = [&] { return array.streams.elements(0, begin, n, read); };
        if (array.g) {
            std::memcpy(before, now(), std::size_t(n) * item);
            if (array.strided) {
                array.strided->read(kernel, begin, begin + n, gathered);
                update(begin, n, gathered, false);
                if (pass_.zero) array.strided->zero(begin, begin + n);
            } else {
                update(begin, n, array.g + std::size_t(begin) * item, pass_.zero);
            }
            sums[0] = kernel.common->sum_of_differences(now(), before, n);
        } else {
            update(begin, n);
        }
        sums[1] = kernel.common->sum_of_squares(now(), n, false);
    }
}

}  // namespace fastopt
