// Rows sorted and stepped.
#include "plan/row_gradient.hpp"

#include <algorithm>
#include <bit>
#include <cstring>
#include <stdexcept>

namespace fastopt {
namespace {

constexpr std::ptrdiff_t tile_elements = 512;    // of each stream: 4 KB of doubles
constexpr std::size_t stream_bytes = std::size_t(tile_elements) * sizeof(double);
constexpr std::ptrdiff_t shortest_in_place = 16;    // shorter rows cost less copied to a tile and back
constexpr std::ptrdiff_t ahead = 4;                 // rows
constexpr std::size_t most_fetched = 512, bytes_of_line = 64;    // bytes of a row
constexpr int digit_bits = 11;

// Not on the stack, as that of a thread can be small: parameter, gradient and states.
alignas(bytes_of_line) thread_local char room[max_states + 2][stream_bytes];

// The row of an index, and behind it the position of the index.
using Entry = std::uint64_t;
constexpr int position_bits = 32;
constexpr std::ptrdiff_t most = std::ptrdiff_t(1) << position_bits;

// By the digits of the rows from the lowest: those that are equal stay in the order of their positions.
void sort_stably(std::vector<Entry>& entries, std::ptrdiff_t rows) {
    std::vector<Entry> other(entries.size());
    const int bits = int(std::bit_width(std::uint64_t(std::max(rows, std::ptrdiff_t(1)) - 1)));
    for (int shift = 0; shift < bits; shift += digit_bits) {
        const auto digit = [shift](Entry entry) {
            return std::size_t(entry >> (position_bits + shift)) & ((std::size_t(1) << digit_bits) - 1);
        };
        std::vector<std::size_t> begins((std::size_t(1) << digit_bits) + 1);
        for (const Entry entry : entries) ++begins[digit(entry) + 1];
        for (std::size_t k = 1; k < begins.size(); ++k) begins[k] += begins[k - 1];
        for (const Entry entry : entries) other[begins[digit(entry)]++] = entry;
        entries.swap(other);
    }
}

// Adds rows in the order of their positions, from +0.
template <class T>
void sum(const char* values, std::span<const std::uint32_t> positions, std::ptrdiff_t length, std::ptrdiff_t offset,
         std::ptrdiff_t n, char* to_given) {
    T* __restrict to = reinterpret_cast<T*>(to_given);
    for (std::ptrdiff_t i = 0; n < shortest_in_place && i < n; ++i) {    // a vector would be longer than the row
        T total = T(0);
        for (const std::uint32_t position : positions) {
            total += reinterpret_cast<const T*>(values)[std::ptrdiff_t(position) * length + offset + i];
        }
        to[i] = total;
    }
    if (n < shortest_in_place) return;
    for (std::ptrdiff_t i = 0; i < n; ++i) to[i] = T(0);
    for (const std::uint32_t position : positions) {
        const T* __restrict from = reinterpret_cast<const T*>(values) + std::ptrdiff_t(position) * length + offset;
#pragma omp simd
        for (std::ptrdiff_t i = 0; i < n; ++i) to[i] += from[i];
    }
}

// Copies rows out of the whole, or back; of so many bytes each, which the compiler knows where they are not 0.
template <std::size_t fixed>
void move_rows(char* packed, char* whole, std::span<const std::uint32_t> rows, std::size_t bytes, bool back) {
    const std::size_t size = fixed ? fixed : bytes;
    for (const std::uint32_t row : rows) {
        char* const there = whole + std::size_t(row) * size;
        back ? std::memcpy(there, packed, size) : std::memcpy(packed, there, size);
        packed += size;
    }
}

void move_rows(char* packed, char* whole, std::span<const std::uint32_t> rows, std::size_t bytes, bool back) {
    switch (bytes) {
        case 4: return move_rows<4>(packed, whole, rows, bytes, back);
        case 8: return move_rows<8>(packed, whole, rows, bytes, back);
        case 16: return move_rows<16>(packed, whole, rows, bytes, back);
        case 32: return move_rows<32>(packed, whole, rows, bytes, back);
        default: return move_rows<0>(packed, whole, rows, bytes, back);
    }
}

}  // namespace

RowGradient::RowGradient(const GivenRows& given, std::ptrdiff_t rows, std::ptrdiff_t length, DType dtype)
    : values_(given.values), length_(length), dtype_(dtype), item_(itemsize(dtype)) {
    sort(given, rows);
    if (given.living) merge(given.living, rows);
}

void RowGradient::sort(const GivenRows& given, std::ptrdiff_t rows) {
    const std::size_t count = given.indices.size();
    if (rows >= most || count >= std::size_t(most)) throw std::length_error("gradients of rows are of fewer than 2^32");
    std::vector<Entry> entries;
    entries.reserve(count);
    bool rises = true;
    for (const std::int64_t row : given.indices) {
        if (row < 0 || row >= rows) throw std::invalid_argument("an index is no row of the parameter");
        const Entry entry = std::uint64_t(row) << position_bits | entries.size();
        rises = rises && (entries.empty() || entry > entries.back());
        entries.push_back(entry);
    }
    if (!rises) sort_stably(entries, rows);
    rows_.reserve(count);
    positions_.reserve(count);
    firsts_.reserve(count + 1);
    for (const Entry entry : entries) {
        const auto row = std::uint32_t(entry >> position_bits);
        if (rows_.empty() || rows_.back() != row) {
            rows_.push_back(row);
            firsts_.push_back(std::uint32_t(positions_.size()));
        }
        positions_.push_back(std::uint32_t(entry));
    }
    firsts_.push_back(std::uint32_t(positions_.size()));
}

void RowGradient::merge(const unsigned char* living, std::ptrdiff_t rows) {
    const std::vector<std::uint32_t> touched = std::move(rows_), begins = std::move(firsts_);
    rows_ = {};
    firsts_ = {};
    std::size_t next = 0;
    for (std::ptrdiff_t row = 0; row < rows; ++row) {
        const bool has_gradient = next < touched.size() && touched[next] == row;
        if (!has_gradient && !living[row]) continue;
        rows_.push_back(std::uint32_t(row));
        firsts_.push_back(begins[next]);
        next += has_gradient;
    }
    firsts_.push_back(begins.back());
}

void RowGradient::read(std::ptrdiff_t k, std::ptrdiff_t offset, std::ptrdiff_t n, char* to) const noexcept {
    const auto first = std::size_t(firsts_[std::size_t(k)]), last = std::size_t(firsts_[std::size_t(k) + 1]);
    const std::span<const std::uint32_t> positions(positions_.data() + first, last - first);
    (dtype_ == DType::float32 ? sum<float> : sum<double>)(values_, positions, length_, offset, n, to);
}

void RowGradient::run(const Streams& streams, const ScalarRow& row, const Pass& pass, std::ptrdiff_t begin,
                      std::ptrdiff_t end) const noexcept {
    if (length_ >= shortest_in_place) return in_place({streams, &row, pass, {}}, streams, begin, end);
    Streams tile = streams;
    tile.p = room[0];
    for (int s = 0; s < streams.kernel->states; ++s) tile.states[s] = room[s + 2];
    by_tile({tile, &row, pass, {}}, streams, tile, begin, end);
}

void RowGradient::fetch(const Streams& streams, std::ptrdiff_t k) const noexcept {
    if (k >= count()) return;
    const std::size_t bytes = bytes_of_row(), at = std::size_t(rows_[std::size_t(k)]) * bytes;
    const auto first = std::size_t(firsts_[std::size_t(k)]);
    const bool has_gradient = first < positions_.size();
    const char* const values = has_gradient ? values_ + std::size_t(positions_[first]) * bytes : streams.p + at;
    for (std::size_t done = 0; done < std::min(bytes, most_fetched); done += bytes_of_line) {
        __builtin_prefetch(values + done);
        __builtin_prefetch(streams.p + at + done, 1);
        for (int s = 0; s < streams.kernel->states; ++s) __builtin_prefetch(streams.states[s] + at + done, 1);
    }
}

void RowGradient::in_place(const Update& update, const Streams& streams, std::ptrdiff_t begin,
                           std::ptrdiff_t end) const noexcept {
    char* const g = room[1];
    for (std::ptrdiff_t k = begin; k < end; ++k) {
        fetch(streams, k + ahead);
        for (std::ptrdiff_t done = 0, n = 0; done < length_; done += n) {
            n = std::min(length_ - done, tile_elements);
            read(k, done, n, g);
            update(begin_of(k) + done, n, g, false);
        }
    }
}

void RowGradient::by_tile(const Update& update, const Streams& streams, const Streams& tile, std::ptrdiff_t begin,
                          std::ptrdiff_t end) const noexcept {
    if (length_ == 0) return;
    const std::ptrdiff_t most_rows = tile_elements / length_;
    const std::size_t bytes = bytes_of_row();
    for (std::ptrdiff_t first = begin, n = 0; first < end; first += n) {
        n = std::min(most_rows, end - first);
        const std::span<const std::uint32_t> rows(&rows_[std::size_t(first)], std::size_t(n));
        for (std::ptrdiff_t k = first; k < first + n; ++k) fetch(streams, k + most_rows);
        const auto move_all = [&](bool back) {
            move_rows(tile.p, streams.p, rows, bytes, back);
            for (int s = 0; s < streams.kernel->states; ++s) {
                move_rows(tile.states[s], streams.states[s], rows, bytes, back);
            }
        };
        move_all(false);
        for (std::ptrdiff_t k = 0; k < n; ++k) read(first + k, 0, length_, room[1] + std::size_t(k) * bytes);
        update(0, n * length_, room[1], false);
        move_all(true);
    }
}

void RowGradient::squares(const Common& common, std::ptrdiff_t begin, std::ptrdiff_t end,
                          double* sums) const noexcept {
    double lanes[lane_count] = {};
    std::ptrdiff_t block = -1;
    const auto add = [&](std::ptrdiff_t element, const char* g, std::ptrdiff_t n) {
        if (element / reduce_block != block) {
            if (block >= 0) *sums++ = common.folded(lanes);
            std::fill(std::begin(lanes), std::end(lanes), 0.0);
            block = element / reduce_block;
        }
        const std::ptrdiff_t lane = element % lane_count;
        const std::ptrdiff_t head = lane ? std::min(n, lane_count - lane) : 0;
        for (std::ptrdiff_t i = 0; i < head; ++i) {
            const double x = dtype_ == DType::float32 ? double(reinterpret_cast<const float*>(g)[i])
                                                      : reinterpret_cast<const double*>(g)[i];
            lanes[lane + i] += x * x;
        }
        common.add_to_lanes(g + std::size_t(head) * item_, n - head, Summed::squares, lanes);
    };
    for (std::ptrdiff_t k = begin; k < end; ++k) {
        for (std::ptrdiff_t done = 0, n = 0; done < length_; done += n) {
            const std::ptrdiff_t element = begin_of(k) + done;
            n = std::min({length_ - done, tile_elements, reduce_block - element % reduce_block});
            read(k, done, n, room[1]);
            add(element, room[1], n);
        }
    }
    if (block >= 0) *sums = common.folded(lanes);
}

}  // namespace fastopt
