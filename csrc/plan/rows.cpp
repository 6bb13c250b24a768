// Parameters of which some rows alone have a gradient: these rows in equal shares for the threads, beside the chunks of
// whole arrays.
#include <algorithm>
#include <stdexcept>

#include "plan/parallel.hpp"
#include "plan/plan.hpp"
#include "pool/fpenv.hpp"

namespace fastopt {
namespace {

constexpr std::size_t bytes_of_piece = 64 * 1024;    // of all streams

}  // namespace

struct Plan::RowPieces {
    struct Piece {
        const ArrayRows* of;
        std::ptrdiff_t begin, end;    // numbers of rows that are stepped
        std::ptrdiff_t first_block;
    };
    const Plan* plan;
    std::vector<Piece> pieces;
    std::vector<std::size_t> bytes{0};
    std::vector<double> sums;    // one for each block of elements with such rows

    static void step(void* self, std::uint32_t number) noexcept {
        const auto& all = *static_cast<const RowPieces*>(self);
        const Piece& piece = all.pieces[number];
        const SubnormalsFlushed flushed(all.plan->flush_subnormals_);
        const Array& array = *piece.of->array;
        const ScalarRow& row = all.plan->scalars_[std::size_t(array.row)];
        piece.of->gradient.run(array.streams, row, all.plan->pass_, piece.begin, piece.end);
    }
    static void sum(void* self, std::uint32_t number) noexcept {
        auto& all = *static_cast<RowPieces*>(self);
        const Piece& piece = all.pieces[number];
        const Common& common = *piece.of->array->kernel().common;
        piece.of->gradient.squares(common, piece.begin, piece.end, &all.sums[std::size_t(piece.first_block)]);
    }
};

void Plan::bind_rows(std::size_t parameter, const GivenRows& given) {
    Array& array = arrays_.at(parameter);
    if (array.shape.empty() || (array.fortran && array.shape.size() > 1) || array.streams.portion) {
        throw std::invalid_argument("a parameter has no rows that can be stepped alone");
    }
    const std::ptrdiff_t rows = array.shape[0], length = rows ? array.size / rows : 0;
    row_gradients_.push_back({&array, RowGradient(given, rows, length, array.kernel().dtype)});
}

Plan::RowPieces Plan::pieces_of_rows() const {
    RowPieces found{.plan = this, .pieces = {}, .sums = {}};
    std::ptrdiff_t blocks = 0;
    for (const ArrayRows& each : row_gradients_) {
        const RowGradient& gradient = each.gradient;
        const std::size_t bytes = gradient.bytes_of_row() * std::size_t(each.array->kernel().states + 2);
        std::ptrdiff_t last = -1;    // block that there has been
        std::size_t held = 0;
        for (std::ptrdiff_t k = 0; k < gradient.count() && bytes > 0; ++k) {
            const std::ptrdiff_t first = gradient.begin_of(k) / reduce_block;
            if (k == 0 || (held >= bytes_of_piece && first != last)) {    // no block is in two pieces
                found.pieces.push_back({&each, k, k, blocks});
                found.bytes.push_back(found.bytes.back());
                held = 0;
            }
            const std::ptrdiff_t end = (gradient.end_of(k) - 1) / reduce_block;
            blocks += end - first + (first != last);
            last = end;
            held += bytes;
            found.pieces.back().end = k + 1;
            found.bytes.back() += bytes;
        }
    }
    found.sums.resize(std::size_t(blocks));
    return found;
}

void Plan::run_rows(const Pass& pass, int threads) {
    pass_ = pass;
    RowPieces all = pieces_of_rows();
    if (!all.pieces.empty()) share_out(all.bytes, threads, &RowPieces::step, &all, false, unlocked_);
    row_gradients_.clear();
}

void Plan::add_squares_of_rows(int threads, std::vector<double>& totals) const {
    RowPieces all = pieces_of_rows();
    if (all.pieces.empty()) return;
    share_out(all.bytes, threads, &RowPieces::sum, &all, false, unlocked_);
    for (std::size_t k = 0; k < all.pieces.size(); ++k) {
        const bool is_last = k + 1 == all.pieces.size();
        const auto begin = std::size_t(all.pieces[k].first_block);
        const std::size_t end = is_last ? all.sums.size() : std::size_t(all.pieces[k + 1].first_block);
        double& total = totals[std::size_t(all.pieces[k].of->array - arrays_.data())];
        for (std::size_t block = begin; block < end; ++block) total += all.sums[block];
    }
}

}  // namespace fastopt
