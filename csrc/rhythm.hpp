// When steps come, how long they take, and when the next one is due: training takes its steps at a
// steady pace.
#pragma once
#include <atomic>
#include <chrono>
#include <cstdint>

#include "waiting.hpp"

namespace fastopt::threads {

// Written by the caller, read by idle workers; values of two steps do no harm.
class Rhythm {
public:
    struct Due {
        Clock::time_point earliest, latest;
        Clock::duration lookout;    // how often to look, in between
    };

    void begin() {
        const std::int64_t now = Clock::now().time_since_epoch().count();
        interval_.store(now - begun_.load(std::memory_order_relaxed), std::memory_order_relaxed);
        begun_.store(now, std::memory_order_relaxed);
    }
    void end() {
        const std::int64_t now = Clock::now().time_since_epoch().count();
        length_.store(now - begun_.load(std::memory_order_relaxed), std::memory_order_relaxed);
    }

    // Whether it pays to look out for steps: they are long, and come neither at once nor in an age.
    bool expected() const {
        return length() > longer_than && interval() > 2 * length() && interval() < sooner_than;
    }
    // When the next step is due, or, if that did not come, the one `missed` steps after it.
    Due next(int missed) const {
        const Clock::time_point begun(std::chrono::nanoseconds(begun_.load(std::memory_order_relaxed)));
        const auto due = begun + (missed + 1) * interval();
        return {due - interval() / 8, due + interval() / 8, length() / 8};
    }

private:
    static constexpr auto longer_than = std::chrono::microseconds(400);
    static constexpr auto sooner_than = std::chrono::milliseconds(200);

    std::chrono::nanoseconds interval() const {
        return std::chrono::nanoseconds(interval_.load(std::memory_order_relaxed));
    }
    std::chrono::nanoseconds length() const {
        return std::chrono::nanoseconds(length_.load(std::memory_order_relaxed));
    }
    std::atomic<std::int64_t> begun_{0}, interval_{0}, length_{0};    // nanoseconds
};

}  // namespace fastopt::threads
