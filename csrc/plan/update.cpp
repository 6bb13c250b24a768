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
    const int own = streams_.kernel->states - streams_.spreads();
    const bool stored = streams_.stored != nullptr, tiled = by_tile_ || zero || stored;
    const std::ptrdiff_t most = tiled ? std::ptrdiff_t(tile_bytes_ / item) : n;
    for (std::ptrdiff_t done = 0, count = n; done < n; done += count) {
        const std::size_t bytes = std::size_t(begin + done) * item;
        char* const from = g + std::size_t(done) * item;
        if (stored) {
            count = std::min(most, n - done);
            Tile tile{.begin = begin + done, .n = count, .g = from, .p = streams_.p, .states = {}};
            update_stored(tile);
        } else {
            char* const p = streams_.p + bytes;
            // Of the first tile so many that the others begin on a line of the parameter's memory.
            if (tiled) count = std::min(most - (done ? 0 : into_line(p, item)), n - done);
            Tile tile{.begin = begin + done, .n = count, .g = from, .p = p, .states = {}};
            for (int s = 0; s < own; ++s) tile.states[s] = streams_.states[s] + bytes;
            update(tile);
        }
        if (zero) std::memset(from, 0, std::size_t(count) * item);
    }
}

void Update::operator()(std::ptrdiff_t begin, std::ptrdiff_t n) const noexcept {
    if (!averaged_) return;
    if (streams_.is_stored(0)) return follow_stored(begin, n);
    char* const p = streams_.p + std::size_t(begin) * streams_.item();
    follow({.begin = begin, .n = n, .g = nullptr, .p = p, .states = {}});
}

void Update::update(const Tile& tile) const noexcept {
    if (portion_ && portion_->spread) return with_spread(tile);
    if (portion_) return take_portion(tile);
    apply_rule(tile);
    if (by_tile_) follow(tile);
}

// Reads what is stored otherwise into tiles of its own, and writes it when it has been updated.
[[gnu::noinline]] void Update::update_stored(Tile& tile) const noexcept {
    const Stored& stored = *streams_.stored;
    const std::size_t at = std::size_t(tile.begin) * streams_.item();
    const int own = streams_.kernel->states - streams_.spreads();
    alignas(line) char read[max_states + 1][near_tile + line];
    const std::size_t phase =    // as p lies in a line
        stored.has(0) ? 0 : reinterpret_cast<std::uintptr_t>(streams_.p + at) % line;
    const auto place = [&](std::size_t k) {
        return streams_.elements(k, tile.begin, tile.n, read[k] + phase, rule_.ahead != 0);
    };
    tile.p = place(0);
    for (int s = 0; s < own; ++s) tile.states[s] = place(std::size_t(s + 1));
    update(tile);
    Stored::Writer writer(stored, *streams_.kernel->common, pass_.step, tile.begin, tile.n);
    if (stored.has(0)) writer.write(0, streams_.p, tile.p);
    for (int s = 0; s < own; ++s) {
        const auto k = std::size_t(s + 1);
        if (stored.has(k)) writer.write(k, streams_.states[s], tile.states[s]);
    }
}

[[gnu::noinline]] void Update::follow_stored(std::ptrdiff_t begin, std::ptrdiff_t n) const noexcept {
    const auto most = std::ptrdiff_t(near_tile / streams_.item());
    alignas(line) char read[near_tile];
    for (std::ptrdiff_t done = 0; done < n; done += most) {
        const std::ptrdiff_t from = begin + done, count = std::min(most, n - done);
        char* const p = streams_.elements(0, from, count, read, rule_.ahead != 0);
        follow({.begin = from, .n = count, .g = nullptr, .p = p, .states = {}});
    }
}

void Update::apply_rule(const Tile& tile) const noexcept {
    const auto [begin, n, g, p, states] = tile;
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

void Update::with_spread(Tile tile) const noexcept {
    const std::size_t phase = reinterpret_cast<std::uintptr_t>(tile.p) % line;    // as p lies in a line
    alignas(line) char spread[max_states][near_tile + line];
    const int states = streams_.kernel->states, own = states - streams_.spreads();
    for (int s = own; s < states; ++s) {
        tile.states[s] = spread[s] + phase;
        portion_->spread->read(std::size_t(s - own), streams_.item(), tile.begin, tile.n, spread[s] + phase);
    }
    if (!portion_->is_whole()) return take_portion(tile);
    apply_rule(tile);
    follow(tile);
}

void Update::take_portion(const Tile& tile) const noexcept {
    alignas(line) char kept[near_tile + line];
    char* const old = kept + reinterpret_cast<std::uintptr_t>(tile.p) % line;    // as p lies in a line
    std::memcpy(old, tile.p, std::size_t(tile.n) * streams_.item());
    apply_rule(tile);
    hold(tile, old, true);
    follow(tile, old);
}

// With `scales` the step is multiplied; without, an element that takes nothing of it is put back.
void Update::hold(const Tile& tile, const char* old, bool scales) const noexcept {
    const std::size_t item = streams_.item();
    const Common& common = *streams_.kernel->common;
    const auto take = [&](const Entries& entries, std::size_t bytes, TakePortion operation) {
        if (!entries.data) return;
        entries.each_stretch(tile.begin, tile.n, bytes, [&](auto done, auto length, const char* entry, auto step) {
            const std::size_t at = std::size_t(done) * item;
            operation(tile.p + at, old + at, entry, step, length, rule_.ahead != 0);
        });
    };
    take(portion_->scale, item, scales ? common.scale : common.hold_scaled);
    take(portion_->mask, 1, common.hold_masked);
}

void Update::follow(const Tile& tile, const char* old) const noexcept {
    const std::size_t bytes = std::size_t(tile.begin) * streams_.item();
    const Common& common = *streams_.kernel->common;
    const bool ahead = rule_.ahead != 0;
    if (pulled_) {
        common.pull(tile.p, streams_.slow + bytes, tile.n, pass_.pull_keep, pass_.pull_take, ahead);
        if (old) hold(tile, old, false);
    }
    if (averaged_) common.average(streams_.average + bytes, tile.p, tile.n, pass_.keep, pass_.take, ahead);
    if (copied_) {
        char* const copy = streams_.copy + std::size_t(tile.begin) * itemsize(streams_.copied);
        common.narrow[int(streams_.copied)](copy, tile.p, tile.n, ahead);
    }
}

}  // namespace fastopt
