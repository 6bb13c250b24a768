// The arithmetic of plan/partition.hpp for sizes up to 2^62 that no machine has, against the same in
// 128 bits.
#include <cstdio>
#include <initializer_list>
#include <vector>

#include "check.hpp"
#include "plan/partition.hpp"

namespace {

using namespace fastopt;
__extension__ typedef __int128 Wide;

constexpr std::size_t streams[] = {8, 12, 16, 20, 24, 40, 64, 80, 300'000};    // bytes of an element

std::vector<std::ptrdiff_t> sizes() {
    std::vector<std::ptrdiff_t> found{0, 1, 2, 63, 64, 65};
    for (int power : {12, 15, 16, 24, 31, 32, 33, 47, 48, 53, 54, 61, 62}) {
        for (std::ptrdiff_t by : {-4097, -4096, -17, -1, 0, 1, 17, 4095, 4096}) {
            const std::ptrdiff_t size = (std::ptrdiff_t(1) << power) + by;
            if (size > 0 && size <= std::ptrdiff_t(1) << 62) found.push_back(size);
        }
    }
    return found;
}

// Pieces follow each other without a gap, the last ends where the length does, and they are as many as
// are counted: looked at from both ends, and around the middle.
void test_pieces(std::ptrdiff_t length, std::ptrdiff_t piece) {
    const std::ptrdiff_t count = pieces(length, piece);
    CHECK(Wide(count) * piece >= length && (Wide(count) - 1) * piece < length);
    for (std::ptrdiff_t from : {std::ptrdiff_t(0), count / 2 - 2, count - 4}) {
        for (std::ptrdiff_t k = from < 0 ? 0 : from; k < from + 4 && k < count; ++k) {
            const Wide begin = Wide(k) * piece;
            const Wide end = begin + piece < length ? begin + piece : Wide(length);
            CHECK(end_of_piece(std::ptrdiff_t(begin), piece, length) == std::ptrdiff_t(end));
            CHECK((end == length) == (k == count - 1));
        }
    }
}

void test_spans() {
    for (std::size_t bytes : streams) {
        const std::ptrdiff_t longest = longest_span(bytes);
        CHECK(longest > 0 && longest % reduce_block == 0);
        CHECK(longest == reduce_block || Wide(longest) * bytes <= chunk_bytes);
        for (std::ptrdiff_t size : sizes()) test_pieces(size, longest);
    }
    for (std::ptrdiff_t piece : {1, 7, 16, 1024, 4096, 131'072}) {
        for (std::ptrdiff_t size : sizes()) test_pieces(size, piece);
    }
}

bool fits(Extent& extent, std::ptrdiff_t size, std::size_t bytes) {
    try {
        extent.add(size, bytes);
        return true;
    } catch (const std::length_error&) {
        return false;
    }
}

// What is counted is right, or refused; and what is refused changes nothing.
void test_extent() {
    for (std::size_t bytes : streams) {
        for (std::ptrdiff_t size : sizes()) {
            Extent extent;
            Wide spans = 0, all = 0;
            for (int k = 0; k < 5; ++k) {
                const Wide more = pieces(size, longest_span(bytes));
                const bool right = spans + more <= Wide(most_spans) &&
                                   all + Wide(size) * bytes <= std::numeric_limits<std::ptrdiff_t>::max();
                CHECK(fits(extent, size, bytes) == right);
                if (right) {
                    spans += more;
                    all += Wide(size) * bytes;
                }
                CHECK(Wide(extent.spans()) == spans && Wide(extent.bytes()) == all);
            }
        }
    }
    Extent one_too_many;
    CHECK(fits(one_too_many, std::ptrdiff_t(most_spans) * longest_span(8), 8));
    CHECK(!fits(one_too_many, 1, 8));
    Extent largest;    // all addresses of a process, half of them for gradients
    CHECK(fits(largest, std::ptrdiff_t(1) << 44, 8));
    CHECK(largest.spans() < most_spans);
}

// Runs begin in order and inside.
void test_runs() {
    for (std::ptrdiff_t size : sizes()) {
        for (int runs : {1, 2, 3, 7, 64, 256}) {
            Wide before = 0;
            for (int k = 0; k <= runs; ++k) {
                const std::size_t begin = begin_of_run(std::size_t(size), runs, k);
                CHECK(Wide(begin) == Wide(size) / runs * k);
                CHECK(Wide(begin) >= before && Wide(begin) <= size);
                before = begin;
            }
        }
    }
}

// Shares begin in order, the first at 0, the last where the blocks end, and nearly in proportion.
void test_shares() {
    for (std::ptrdiff_t size : sizes()) {
        if (size == 0) continue;
        for (std::ptrdiff_t each : {1, 4, 16, 1024, 16'384}) {
            const std::ptrdiff_t blocks = pieces(size, each);
            CHECK(begin_of_share(blocks, 0, size) == 0);
            CHECK(begin_of_share(blocks, size, size) == blocks);
            std::ptrdiff_t last = 0, before = 0;
            for (int k = 0; k <= 64; ++k) {
                const auto element = std::ptrdiff_t(Wide(size) * k / 64);
                for (std::ptrdiff_t at : {element - 1, element, element + 1}) {
                    if (at < last || at > size) continue;
                    const std::ptrdiff_t begin = begin_of_share(blocks, at, size);
                    CHECK(begin >= before && begin <= blocks);
                    last = at;
                    before = begin;
                    // Doubles: three roundings, and one down to a whole block.
                    const Wide exact = Wide(blocks) * at / size;
                    const Wide apart = begin > exact ? begin - exact : exact - begin;
                    CHECK(apart <= 1 + (blocks >> 50));
                }
            }
        }
    }
}

}  // namespace

int main() {
    test_spans();
    test_extent();
    test_runs();
    test_shares();
    std::puts("ok");
}
