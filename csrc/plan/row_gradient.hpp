// The gradient of some rows of a parameter, which lies in C order: a row is what stands under one index of its first
// axis. Rows that are given several times are summed, and nothing but the rows that are stepped is read or written.
#pragma once
#include <cstdint>
#include <span>
#include <vector>

#include "plan/update.hpp"

namespace fastopt {

struct GivenRows {
    std::span<const std::int64_t> indices;
    const char* values;              // a row for each index, one behind the other
    const unsigned char* living;     // null, or for each row of the parameter whether it is stepped in any case
};

class RowGradient {
public:
    // The parameter has so many rows of so many elements. The values are read later, all else now; throws where an
    // index is no row, and for 2^32 rows or indices and more.
    RowGradient(const GivenRows& given, std::ptrdiff_t rows, std::ptrdiff_t length, DType dtype);

    // How many rows are stepped; those without a gradient as if it were 0.
    std::ptrdiff_t count() const { return std::ptrdiff_t(rows_.size()); }
    std::size_t bytes_of_row() const { return std::size_t(length_) * item_; }
    // Which elements of the parameter a row is.
    std::ptrdiff_t begin_of(std::ptrdiff_t k) const { return std::ptrdiff_t(rows_[std::size_t(k)]) * length_; }
    std::ptrdiff_t end_of(std::ptrdiff_t k) const { return begin_of(k) + length_; }

    // Steps the rows from number `begin` to number `end`.
    void run(const Streams& streams, const ScalarRow& row, const Pass& pass, std::ptrdiff_t begin,
             std::ptrdiff_t end) const noexcept;
    // Sums the squares of their gradients, each block of the parameter for itself, from `sums` on.
    void squares(const Common& common, std::ptrdiff_t begin, std::ptrdiff_t end, double* sums) const noexcept;

private:
    void sort(const GivenRows& given, std::ptrdiff_t rows);
    void merge(const unsigned char* living, std::ptrdiff_t rows);
    // Writes n elements of the gradient of a row, from `offset`.
    void read(std::ptrdiff_t k, std::ptrdiff_t offset, std::ptrdiff_t n, char* to) const noexcept;
    void fetch(const Streams& streams, std::ptrdiff_t k) const noexcept;
    void in_place(const Update& update, const Streams& streams, std::ptrdiff_t begin,
                  std::ptrdiff_t end) const noexcept;
    void by_tile(const Update& update, const Streams& streams, const Streams& tile, std::ptrdiff_t begin,
                 std::ptrdiff_t end) const noexcept;

    const char* values_;
    std::ptrdiff_t length_;
    DType dtype_;
    std::size_t item_;
    // Of 32 bits, as with short rows they are most of what a step reads.
    std::vector<std::uint32_t> rows_;         // that are stepped, in their order
    std::vector<std::uint32_t> positions_;    // of the indices, in the order of rows
    std::vector<std::uint32_t> firsts_;       // row k: the positions from firsts_[k] to firsts_[k + 1]
};

}  // namespace fastopt
