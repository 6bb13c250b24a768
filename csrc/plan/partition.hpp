// Where arrays are cut: the arithmetic of chunks, blocks and shares, for any size that 64 bits can hold.
// No arrays and no Python are in it, so that tests/cpp/test_indices.cpp can ask it for sizes that no
// machine has.
#pragma once
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <stdexcept>

#include "kernels/kernel.hpp"

namespace fastopt {

// A chunk is what one thread takes at a time: small enough for its streams to stay in L2 and for the
// threads to end together, large enough that taking it costs nothing.
constexpr std::size_t chunk_bytes = 256 * 1024;
// Two numbers of chunks are one word in pool/chunk_queue.hpp. It takes 2^48 bytes and more to have so
// many of them, which is as much as a process has addresses for, on most machines.
constexpr std::size_t most_spans = std::numeric_limits<std::uint32_t>::max();

// How many pieces a length has, of which the last can be shorter.
constexpr std::ptrdiff_t pieces(std::ptrdiff_t length, std::ptrdiff_t piece) {
    return length / piece + (length % piece != 0);
}

// Where the piece that begins here ends.
constexpr std::ptrdiff_t end_of_piece(std::ptrdiff_t begin, std::ptrdiff_t piece, std::ptrdiff_t length) {
    return length - begin > piece ? begin + piece : length;
}

// How many elements of an array a chunk takes, that have so many bytes in all streams together.
constexpr std::ptrdiff_t longest_span(std::size_t bytes_each) {
    const auto fitting = std::ptrdiff_t(chunk_bytes / bytes_each);
    return std::max(fitting / reduce_block, std::ptrdiff_t(1)) * reduce_block;
}

// Counts the spans and the bytes of all streams; throws where there are too many.
class Extent {
public:
    constexpr void add(std::ptrdiff_t elements, std::size_t bytes_each) {
        const auto spans = std::size_t(pieces(elements, longest_span(bytes_each)));
        constexpr std::size_t most_bytes = std::numeric_limits<std::ptrdiff_t>::max();
        if (spans > most_spans - spans_ || std::size_t(elements) > (most_bytes - bytes_) / bytes_each) {
            throw std::length_error(
                "the parameters are too large for one optimizer: give them to several optimizers");
        }
        spans_ += spans;
        bytes_ += std::size_t(elements) * bytes_each;
    }
    constexpr std::size_t spans() const { return spans_; }
    constexpr std::size_t bytes() const { return bytes_; }

private:
    std::size_t spans_ = 0, bytes_ = 0;
};

// The byte at which run k of so many equal ones begins.
constexpr std::size_t begin_of_run(std::size_t total, int runs, int k) {
    return total / std::size_t(runs) * std::size_t(k);
}

// The block at which the share of the elements from `element` on begins, in proportion. It never falls as
// the element rises, so that shares that follow each other are neither apart nor together.
constexpr std::ptrdiff_t begin_of_share(std::ptrdiff_t blocks, std::ptrdiff_t element,
                                        std::ptrdiff_t size) {
    if (element >= size) return blocks;
    const double part = double(element) / double(size);
    return std::min(std::ptrdiff_t(double(blocks) * part), blocks);
}

}  // namespace fastopt
