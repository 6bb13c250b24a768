// Whether the sweeps of a plan fetch ahead, where its arrays do not fit the caches. On one processor that
// saves a tenth of the time, on another it costs up to half, and no name of a processor says which: so a plan
// tries both, now and then, and stays with what was faster.
#pragma once
#include <algorithm>
#include <chrono>
#include <cstdint>

namespace fastopt {

class PrefetchTrial {
public:
    // Whether the step that comes now fetches ahead.
    bool fetches() const { return trying() ? fetches_in_trial() : chosen_; }

    // Ends that step, which took so long.
    void took(std::chrono::nanoseconds time) {
        if (trying()) {
            auto& shortest = fetches_in_trial() ? shortest_with_ : shortest_without_;
            shortest = std::min(shortest, time);
        }
        if (++step_ == begin_ + length) {
            chosen_ = shortest_with_ < shortest_without_;
            shortest_with_ = shortest_without_ = std::chrono::nanoseconds::max();
            begin_ += pause_;
            pause_ = std::min(2 * pause_, longest_pause);
        }
    }

private:
    static constexpr std::uint64_t length = 8, first_pause = 64, longest_pause = 1024;

    bool trying() const { return step_ >= begin_; }
    // Without, with, with, without: where every other step has less to do, each way has as many of those.
    bool fetches_in_trial() const {
        const std::uint64_t turn = step_ - begin_;
        return ((turn ^ turn >> 1) & 1) != 0;
    }

    std::uint64_t step_ = 0;
    std::uint64_t begin_ = 1;    // of the trial: the first step of all is the one that gets memory
    std::uint64_t pause_ = first_pause;
    bool chosen_ = false;
    // What else happens on a machine makes a step longer, never shorter.
    std::chrono::nanoseconds shortest_with_ = std::chrono::nanoseconds::max();
    std::chrono::nanoseconds shortest_without_ = std::chrono::nanoseconds::max();
};

}  // namespace fastopt
