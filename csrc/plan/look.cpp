// Runs a direction on what lies in memory, and copies only what its stage changes.
#include "plan/look.hpp"

#include <algorithm>
#include <cstring>

namespace fastopt {
namespace {

using Tile = char[Looking::most_bytes];

alignas(64) const Tile zeros{};    // what results alone are before

}  // namespace

Looking::Looking(const Streams& streams, const Kernel& kernel, const ScalarRow& row, bool ahead)
    : streams_(streams),
      kernel_(kernel),
      around_(kernel.common->around[int(row.stage())]),
      stage_(row.of(kernel.dtype, ahead)),
      rule_(stage_),
      own_(streams.kernel->states - streams.spreads()),
      known_(streams.kernel->states) {
    rule_.stage = kernel.common->neutral;
}

void Looking::operator()(std::ptrdiff_t begin, std::ptrdiff_t n, const char* g, char* const* results) const noexcept {
    const std::size_t item = streams_.item();
    const char* p = streams_.p + std::size_t(begin) * item;
    if (!around_.before) return with_spread(begin, n, p, g, results);
    alignas(64) Tile copied, changed, old;
    std::memcpy(copied, p, std::size_t(n) * item);
    around_.before(stage_, copied, g, changed, old, n);
    with_spread(begin, n, copied, changed, results);
    around_.after(stage_, results[0], old, n);
}

std::ptrdiff_t Looking::agreeing(std::ptrdiff_t begin, std::ptrdiff_t n, const char* g,
                                 char* const* results) const noexcept {
    const std::size_t item = streams_.item();
    const char* p = streams_.p + std::size_t(begin) * item;
    alignas(64) Tile copied, changed, old;
    if (around_.before) {
        std::memcpy(copied, p, std::size_t(n) * item);
        around_.before(stage_, copied, g, changed, old, n);
        p = copied;
        g = changed;
    }
    with_spread(begin, n, p, g, results);
    return kernel_.common->agreeing(results[0], p, g, n);
}

void Looking::with_spread(std::ptrdiff_t begin, std::ptrdiff_t n, const char* p, const char* g,
                          char* const* results) const noexcept {
    const std::size_t item = streams_.item(), at = std::size_t(begin) * item;
    const void* from[max_states + 1] = {p};
    for (int s = 0; s < kernel_.states; ++s) from[s + 1] = s < own_ ? streams_.states[s] + at : zeros;
    const int spread = std::min(known_, kernel_.states);
    if (own_ >= spread) return run(from, g, n, results);
    alignas(64) Tile tiles[max_states];
    for (int s = own_; s < spread; ++s) {
        from[s + 1] = tiles[s];
        const bool read = !kernel_.look || kernel_.read >> (s + 1) & 1;
        if (read) streams_.portion->spread->read(std::size_t(s - own_), item, begin, n, tiles[s]);
    }
    run(from, g, n, results);
}

void Looking::run(const void* const* from, const char* g, std::ptrdiff_t n, char* const* results) const noexcept {
    void* to[max_states + 1];
    std::copy_n(results, kernel_.states + 1, to);
    if (kernel_.look) return kernel_.look(rule_, g, from, to, n);
    // What updates, or was compiled elsewhere, does so in place.
    for (int k = 0; k <= kernel_.states; ++k) std::memcpy(to[k], from[k], std::size_t(n) * streams_.item());
    kernel_.fused[int(Stage::bare)](rule_, to[0], g, to + 1, n);
}

}  // namespace fastopt
