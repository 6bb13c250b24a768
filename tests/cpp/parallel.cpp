// How the chunks of a step are shared out: all of them, forwards and backwards.
#include <vector>

#include "chunks.hpp"
#include "parts.hpp"
#include "plan/parallel.hpp"

namespace driver {
namespace {

constexpr std::size_t mebibyte = 1024 * 1024;

void shares_of(std::uint32_t count, std::size_t bytes_each, int threads, bool backwards) {
    std::vector<std::size_t> bytes{0};
    for (std::uint32_t k = 0; k < count; ++k) bytes.push_back(bytes.back() + bytes_each * (1 + k % 3));
    Chunks chunks(count);
    fastopt::share_out(bytes, threads, &Chunks::count, &chunks, backwards);
    chunks.check(1);
}

// On one thread they come in their order, or the other way round.
void order(bool backwards) {
    std::vector<std::uint32_t> seen;
    const auto note = [](void* all, std::uint32_t chunk) noexcept {
        static_cast<std::vector<std::uint32_t>*>(all)->push_back(chunk);
    };
    fastopt::share_out({0, 10, 20, 30}, 1, note, &seen, backwards);
    const std::vector<std::uint32_t> forth{0, 1, 2}, back{2, 1, 0};
    CHECK(seen == (backwards ? back : forth));
}

}  // namespace

void parallel() {
    for (const bool backwards : {false, true}) {
        order(backwards);
        for (const std::uint32_t count : {0u, 1u, 2u, 5u, 100u, 5000u}) {
            for (const int threads : {0, 1, 2, 3, 8, 256, 1000}) {
                for (const std::size_t bytes : {mebibyte * 0, mebibyte / 4, mebibyte}) {
                    shares_of(count, bytes, threads, backwards);
                }
            }
        }
    }
    std::puts("parallel: every chunk was done once");
}

}  // namespace driver
