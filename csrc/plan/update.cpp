// The one walk over the elements of a stretch: whole where the rule is all there is, else by tiles.
#include "plan/update.hpp"

#include <algorithm>
#include <cstdint>
#include <cstring>

namespace fastopt {
namespace {

// Bytes of a stream in a tile. In the caches longer loops cost less; where memory is far, short ones leave
// the time to fetch the next tile while this one is computed.
constexpr std::size_t near_tile = 4096, far_tile = 1024;
constexpr std::size_t line = 64;

}  // namespace

Update::Update(const Streams& streams, const ScalarRow* row, const Pass& pass, Distance distance)
    : streams_(streams),
      pass_(pass),
      tile_(std::ptrdiff_t((distance.far ? far_tile : near_tile) / streams.item())),
      pulled_(row && pass.pull && streams.slow),
      averaged_(pass.average && streams.average),
      copied_(row && streams.copy) {
    by_tile_ = pulled_ || averaged_ || copied_;
    if (!row) return;
    const Kernel& kernel = *streams.kernel;
    stage_ = rule_ = row->of(kernel.dtype, distance.ahead);
    const int stage = int(row->stage());
    if (stage < most_fused) sweep_ = kernel.fused[stage];
    if (!sweep_) {
        by_tile_ = true;
        around_ = kernel.common->around[stage];
        sweep_ = kernel.fused[int(Stage::bare)];
        rule_.stage = kernel.common->neutral;
    }
}

void Update::operator()(std::ptrdiff_t begin, std::ptrdiff_t n, char* g, bool zero) const noexcept {
    const std::size_t item = streams_.item();
    const int states = streams_.kernel->states;
    for (std::ptrdiff_t done = 0, count = n; done < n; done += count) {
        if (by_tile_ || zero) count = std::min(done ? tile_ : first_tile(begin), n - done);
        const std::size_t bytes = std::size_t(begin + done) * item;
        void* moved[max_states];
        for (int s = 0; s < states; ++s) moved[s] = streams_.states[s] + bytes;
        char* const from = g + std::size_t(done) * item;
        apply_rule(streams_.p + bytes, from, moved, count);
        if (by_tile_) follow(begin + done, count);
        if (zero) std::memset(from, 0, std::size_t(count) * item);
    }
}

void Update::operator()(std::ptrdiff_t begin, std::ptrdiff_t n) const noexcept {
    if (averaged_) follow(begin, n);
}

// Of the first tile so many elements that the others begin on a line of the parameter's memory.
std::ptrdiff_t Update::first_tile(std::ptrdiff_t begin) const noexcept {
    const auto address = reinterpret_cast<std::uintptr_t>(streams_.p) + std::size_t(begin) * streams_.item();
    return tile_ - std::ptrdiff_t(address % line / streams_.item());
}

void Update::apply_rule(char* p, const char* g, void* const* states, std::ptrdiff_t n) const noexcept {
    if (!around_.before) return sweep_(rule_, p, g, states, n);
    alignas(line) char changed[near_tile + line], old[near_tile + line];
    const std::size_t phase = reinterpret_cast<std::uintptr_t>(p) % line;    // as that of p
    around_.before(stage_, p, g, changed + phase, old + phase, n);
    sweep_(rule_, p, changed + phase, states, n);
    around_.after(stage_, p, old + phase, n);
}

void Update::follow(std::ptrdiff_t begin, std::ptrdiff_t n) const noexcept {
    const std::size_t bytes = std::size_t(begin) * streams_.item();
    const Common& common = *streams_.kernel->common;
    const bool ahead = rule_.ahead != 0;
    char* const p = streams_.p + bytes;
    if (pulled_) common.pull(p, streams_.slow + bytes, n, pass_.pull_keep, pass_.pull_take, ahead);
    if (averaged_) common.average(streams_.average + bytes, p, n, pass_.keep, pass_.take, ahead);
    if (copied_) {
        char* const copy = streams_.copy + std::size_t(begin) * itemsize(streams_.copied);
        common.narrow[int(streams_.copied)](copy, p, n, ahead);
    }
}

}  // namespace fastopt
