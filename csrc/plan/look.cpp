// Runs a direction on what lies in memory, and copies only what its stage changes.
#include "plan/look.hpp"

#include <algorithm>
#include <cstring>

namespace fastopt {
namespace {

alignas(64) const char zeros[Looking::most_bytes]{};    // what results alone are before

}  // namespace

Looking::Looking(const Streams& streams, const Kernel& kernel, const ScalarRow& row, bool ahead)
    : streams_(streams),
      kernel_(kernel),
      before_(kernel.common->around[int(row.stage())].before),
      stage_(row.of(kernel.dtype, ahead)),
      rule_(stage_),
      own_(streams.kernel->states - streams.spreads()),
      spread_(std::min(streams.kernel->states, kernel.states)) {
    rule_.stage = kernel.common->neutral;
}

void Looking::operator()(std::ptrdiff_t begin, std::ptrdiff_t n, const char* g, const Sink* sinks) const noexcept {
    Seen seen;
    see(begin, n, g, seen);
    alignas(64) Tile tiles[max_states + 1];
    char* results[max_states + 1];
    for (int k = 0; k <= kernel_.states; ++k) results[k] = sinks[k].to ? sinks[k].to : tiles[k];
    look(begin, n, seen, results);
    for (int k = 0; k <= kernel_.states; ++k) {
        if (sinks[k].lanes) kernel_.common->add_to_lanes(results[k], n, sinks[k].summed, sinks[k].lanes);
    }
}

std::ptrdiff_t Looking::agreeing(std::ptrdiff_t begin, std::ptrdiff_t n, const char* g) const noexcept {
    Seen seen;
    see(begin, n, g, seen);
    alignas(64) Tile tiles[max_states + 1];
    char* results[max_states + 1];
    for (int k = 0; k <= kernel_.states; ++k) results[k] = tiles[k];
    look(begin, n, seen, results);
    return kernel_.common->agreeing(results[0], seen.p, seen.g, n);
}

void Looking::see(std::ptrdiff_t begin, std::ptrdiff_t n, const char* g, Seen& seen) const noexcept {
    seen.p = streams_.elements(0, begin, n, seen.copied);
    seen.g = g;
    if (!before_) return;
    if (seen.p != seen.copied) std::memcpy(seen.copied, seen.p, std::size_t(n) * streams_.item());
    alignas(64) Tile old;    // for the part after the rule, which is not for a look
    before_(stage_, seen.copied, g, seen.changed, old, n);
    seen.p = seen.copied;
    seen.g = seen.changed;
}

void Looking::look(std::ptrdiff_t begin, std::ptrdiff_t n, const Seen& seen, char* const* results) const noexcept {
    const std::size_t item = streams_.item(), at = std::size_t(begin) * item;
    const void* from[max_states + 1] = {seen.p};
    for (int s = 0; s < kernel_.states; ++s) from[s + 1] = s < own_ ? streams_.states[s] + at : zeros;
    if (own_ >= spread_ && !streams_.stored) return run(from, seen.g, n, results);
    alignas(64) Tile tiles[max_states];
    for (int s = 0; s < spread_; ++s) {
        if (kernel_.look && !(kernel_.read >> (s + 1) & 1)) continue;
        if (s < own_) {
            from[s + 1] = streams_.elements(std::size_t(s + 1), begin, n, tiles[s]);
        } else {
            streams_.portion->spread->read(std::size_t(s - own_), item, begin, n, tiles[s]);
            from[s + 1] = tiles[s];
        }
    }
    run(from, seen.g, n, results);
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
