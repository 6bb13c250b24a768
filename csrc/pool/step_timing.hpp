// When steps come, how long they take, and when the next one is due: training takes its steps at a
// steady pace.
#pragma once
#include <atomic>
#include <chrono>
#include <cstdint>

#include "pool/wait.hpp"

namespace fastopt::threads {

// Written by the caller, read by idle workers; values of two steps do no harm.
class StepTiming {
public:
    struct Due {
        Clock::time_point earliest, latest;
        Clock::duration lookout;    // how often to look, in between
    };

    void begin() {
        const std::int64_t now = Clock::now().time_since_epoch().count();
        const std::chrono::nanoseconds idle(now - begun_.load(std::memory_order_relaxed));
        close_ = idle < length() + at_once;
        interval_.store(now - begun_.load(std::memory_order_relaxed), std::memory_order_relaxed);
        begun_.store(now, std::memory_order_relaxed);
    }
    void end() {
        const std::int64_t now = Clock::now().time_since_epoch().count();
        length_.store(now - begun_.load(std::memory_order_relaxed), std::memory_order_relaxed);
    }

    // Whether this step is worth waking a worker for: it is long, or the next follows at once.
    bool worth_help() const { return close_ || length() > long_enough; }

    // Whether it pays to look out for steps: they are long, and come neither at once nor in an age.
    bool expected() const {
        return length() > long_enough && interval() > 2 * length() && interval() < sooner_than;
    }
    // When the next step is due, or, if that did not come, the one `missed` steps after it.
    Due next(int missed) const {
        const Clock::time_point begun(std::chrono::nanoseconds(begun_.load(std::memory_order_relaxed)));
        const auto due = begun + (missed + 1) * interval();
        return {due - interval() / 8, due + interval() / 8, length() / 8};
    }

private:
    // Between the norms of a thousand gradients and the sweep that they clip lies so much of Python.
    static constexpr auto at_once = std::chrono::microseconds(250);
    static constexpr auto long_enough = std::chrono::microseconds(400);
    static constexpr auto sooner_than = std::chrono::milliseconds(200);

    std::chrono::nanoseconds interval() const {
        return std::chrono::nanoseconds(interval_.load(std::memory_order_relaxed));
    }
    std::chrono::nanoseconds length() const {
        return std::chrono::nanoseconds(length_.load(std::memory_order_relaxed));
    }
    std::atomic<std::int64_t> begun_{0}, interval_{0}, length_{0};    // nanoseconds
    bool close_ = false;    // this step came right after the one before
};

}  // namespace fastopt::threads
