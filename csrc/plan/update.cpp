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

// How many elements lie between the beginning of this line of memory and the address.
std::ptrdiff_t into_line(const char* address, std::size_t item) {
    return std::ptrdiff_t(reinterpret_cast<std::uintptr_t>(address) % line / item);
}

}  // namespace

Update::Update(const Streams& streams, const ScalarRow* row, const Pass& pass, Distance distance)
    : streams_(streams),
      pass_(pass),
      portion_(row ? streams.portion : nullptr),
      tile_bytes_(distance.far ? far_tile : near_tile),
      pulled_(row && pass.pull && streams.slow),
      averaged_(pass.average && streams.average),
      copied_(row && streams.copy) {
    by_tile_ = pulled_ || averaged_ || copied_ || portion_;
    if (!row) return;
    const Kernel& kernel = *streams.kernel;
    rule_ = row->of(kernel.dtype, distance.ahead);
    const int stage = int(row->stage());
    agree_ = row->agree();
    by_tile_ |= agree_ != 0.0;
    if (stage < most_fused && (agree_ == 0.0 || row->stage() == Stage::bare)) sweep_ = kernel.fused[stage];
    if (!sweep_) {
        by_tile_ = true;
        around_ = kernel.common->around[stage];
        sweep_ = kernel.fused[int(Stage::bare)];
        stage_ = rule_;
        rule_.stage = kernel.common->neutral;
    }
}

void Update::operator()(std::ptrdiff_t begin, std::ptrdiff_t n, char* g, bool zero) const noexcept {
    const std::size_t item = streams_.item();
    const int states = streams_.kernel->states;
    const bool tiled = by_tile_ || zero;
    const std::ptrdiff_t tile = tiled ? std::ptrdiff_t(tile_bytes_ / item) : n;
    for (std::ptrdiff_t done = 0, count = n; done < n; done += count) {
        const std::size_t bytes = std::size_t(begin + done) * item;
        // Of the first tile so many that the others begin on a line of the parameter's memory.
        if (tiled) count = std::min(tile - (done ? 0 : into_line(streams_.p + bytes, item)), n - done);
        void* moved[max_states];
        for (int s = 0; s < states; ++s) moved[s] = streams_.states[s] + bytes;
        char* const from = g + std::size_t(done) * item;
        if (portion_ && portion_->spread) {
            with_spread(begin + done, from, count);
        } else if (portion_) {
            take_portion(begin + done, from, moved, count);
        } else {
            apply_rule(streams_.p + bytes, from, moved, count);
            if (by_tile_) follow(begin + done, count);
        }
        if (zero) std::memset(from, 0, std::size_t(count) * item);
    }
}

void Update::operator()(std::ptrdiff_t begin, std::ptrdiff_t n) const noexcept {
    if (averaged_) follow(begin, n);
}

void Update::apply_rule(char* p, const char* g, void* const* states, std::ptrdiff_t n) const noexcept {
    const bool staged = around_.before != nullptr, agrees = agree_ != 0.0;
    if (!staged && !agrees) return sweep_(rule_, p, g, states, n);
    alignas(line) char changed[near_tile + line], old[near_tile + line], start[near_tile + line];
    const std::size_t phase = reinterpret_cast<std::uintptr_t>(p) % line;    // as that of p
    const char* seen = g;
    if (staged) {
        around_.before(stage_, p, g, changed + phase, old + phase, n);
        seen = changed + phase;
    }
    const Common& common = *streams_.kernel->common;
    if (agrees) std::memcpy(start + phase, p, std::size_t(n) * streams_.item());
    sweep_(rule_, p, seen, states, n);
    if (agrees) common.agree(p, start + phase, seen, n, agree_);
    if (staged) around_.after(stage_, p, old + phase, n);
}

void Update::with_spread(std::ptrdiff_t begin, const char* g, std::ptrdiff_t n) const noexcept {
    const std::size_t item = streams_.item(), bytes = std::size_t(begin) * item;
    char* const p = streams_.p + bytes;
    const std::size_t phase = reinterpret_cast<std::uintptr_t>(p) % line;    // as p lies in a line
    alignas(line) char spread[max_states][near_tile + line];
    const int states = streams_.kernel->states, own = states - streams_.spreads();
    void* moved[max_states];
    for (int s = 0; s < own; ++s) moved[s] = streams_.states[s] + bytes;
    for (int s = own; s < states; ++s) {
        moved[s] = spread[s] + phase;
        portion_->spread->read(std::size_t(s - own), item, begin, n, spread[s] + phase);
    }
    if (!portion_->is_whole()) return take_portion(begin, g, moved, n);
    apply_rule(p, g, moved, n);
    follow(begin, n);
}

void Update::take_portion(std::ptrdiff_t begin, const char* g, void* const* states,
                          std::ptrdiff_t n) const noexcept {
    const std::size_t item = streams_.item();
    char* const p = streams_.p + std::size_t(begin) * item;
    alignas(line) char kept[near_tile + line];
    char* const old = kept + reinterpret_cast<std::uintptr_t>(p) % line;    // as p lies in a line
    std::memcpy(old, p, std::size_t(n) * item);
    apply_rule(p, g, states, n);
    hold(begin, p, old, n, true);
    follow(begin, n, old);
}

// With `scales` the step is multiplied; without, an element that takes nothing of it is put back.
void Update::hold(std::ptrdiff_t begin, char* p, const char* old, std::ptrdiff_t n,
                  bool scales) const noexcept {
    const std::size_t item = streams_.item();
    const Common& common = *streams_.kernel->common;
    const auto take = [&](const Entries& entries, std::size_t bytes, TakePortion operation) {
        if (!entries.data) return;
        entries.each_stretch(begin, n, bytes, [&](auto done, auto length, const char* entry, auto step) {
            const std::size_t at = std::size_t(done) * item;
            operation(p + at, old + at, entry, step, length, rule_.ahead != 0);
        });
    };
    take(portion_->scale, item, scales ? common.scale : common.hold_scaled);
    take(portion_->mask, 1, common.hold_masked);
}

void Update::follow(std::ptrdiff_t begin, std::ptrdiff_t n, const char* old) const noexcept {
    const std::size_t bytes = std::size_t(begin) * streams_.item();
    const Common& common = *streams_.kernel->common;
    const bool ahead = rule_.ahead != 0;
    char* const p = streams_.p + bytes;
    if (pulled_) {
        common.pull(p, streams_.slow + bytes, n, pass_.pull_keep, pass_.pull_take, ahead);
        if (old) hold(begin, p, old, n, false);
    }
    if (averaged_) common.average(streams_.average + bytes, p, n, pass_.keep, pass_.take, ahead);
    if (copied_) {
        char* const copy = streams_.copy + std::size_t(begin) * itemsize(streams_.copied);
        common.narrow[int(streams_.copied)](copy, p, n, ahead);
    }
}

}  // namespace fastopt
