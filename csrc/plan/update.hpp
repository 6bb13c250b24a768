// What a pass does to stretches of one parameter: the rule with the stage around it, and what follows.
#pragma once
#include "plan/pass.hpp"
#include "plan/scalar_row.hpp"
#include "plan/streams.hpp"

namespace fastopt {

// How far away the streams of a plan lie.
struct Distance {
    bool far;      // they do not fit the caches
    bool ahead;    // so they are fetched ahead
};

class Update {
public:
    // `row`: null for a parameter that has no gradient, which is followed alone.
    Update(const Streams& streams, const ScalarRow* row, const Pass& pass, Distance distance);

    // The n elements from `begin`, whose gradient is g; zeroes it if asked.
    void operator()(std::ptrdiff_t begin, std::ptrdiff_t n, char* g, bool zero) const noexcept;
    // The same for elements without a gradient.
    void operator()(std::ptrdiff_t begin, std::ptrdiff_t n) const noexcept;

    const Kernel& kernel() const { return *streams_.kernel; }

private:
    // A stretch of elements that is worked on: where it begins, its gradient, and where parameter and states lie,
    // or what has been read of them.
    struct Tile {
        std::ptrdiff_t begin, n;
        const char* g;
        char* p;
        void* states[max_states];
    };
    void update(const Tile& tile) const noexcept;
    void update_stored(Tile& tile) const noexcept;
    void apply_rule(const Tile& tile) const noexcept;
    void with_spread(Tile tile) const noexcept;
    void take_portion(const Tile& tile) const noexcept;
    void hold(const Tile& tile, const char* old, bool scales) const noexcept;
    // `old`: what the parameter was, where it takes a portion of the step.
    void follow(const Tile& tile, const char* old = nullptr) const noexcept;
    void follow_stored(std::ptrdiff_t begin, std::ptrdiff_t n) const noexcept;

    const Streams& streams_;
    const Pass& pass_;
    Common::Around around_{};
    Sweep sweep_ = nullptr;
    Scalars stage_{}, rule_{};    // what the stage's tile operations are given, and what the sweep is
    const Portion* portion_;
    std::size_t tile_bytes_;
    double agree_ = 0.0;
    bool pulled_, averaged_, copied_, by_tile_;
};

}  // namespace fastopt
