// Sleeping on a counter until it changes or until a moment has come. C++20 has the first half alone.
#pragma once
#include <atomic>
#include <chrono>
#include <climits>
#include <cstdint>

#if defined(__linux__)
#include <linux/futex.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <ctime>
#endif

namespace fastopt {

using Clock = std::chrono::steady_clock;
using Counter = std::atomic<std::uint32_t>;
static_assert(sizeof(Counter) == sizeof(std::uint32_t));

#if defined(__linux__)

constexpr bool sleeps_until_deadline = true;

inline void sleep_while(Counter& counter, std::uint32_t seen, Clock::time_point deadline) {
    const auto since_start = deadline.time_since_epoch();    // the clock is CLOCK_MONOTONIC
    const auto whole = std::chrono::duration_cast<std::chrono::seconds>(since_start);
    const timespec at{whole.count(), std::chrono::nanoseconds(since_start - whole).count()};
    const bool forever = deadline == Clock::time_point::max();
    syscall(SYS_futex, &counter, FUTEX_WAIT_BITSET_PRIVATE, seen, forever ? nullptr : &at, nullptr,
            FUTEX_BITSET_MATCH_ANY);
}

inline void wake_all(Counter& counter) {
    syscall(SYS_futex, &counter, FUTEX_WAKE_PRIVATE, INT_MAX, nullptr, nullptr, 0);
}

// Makes the calling thread get up when it asked to: by default the kernel lets it sleep 50 us longer,
// and lets it wait for a thread that spins. Asking for a short time slice (Linux 6.12 and later; others
// ignore it) gets it the processor at once; its share of processor time is no larger for it.
inline void sleep_punctually() {
    prctl(PR_SET_TIMERSLACK, 1);
    struct {
        std::uint32_t size, policy;
        std::uint64_t flags;
        std::int32_t nice;
        std::uint32_t priority;
        std::uint64_t runtime, deadline, period;
    } attributes{};
    if (syscall(SYS_sched_getattr, 0, &attributes, sizeof attributes, 0) == 0 &&
        attributes.policy == 0) {
        attributes.runtime = 100'000;    // nanoseconds
        syscall(SYS_sched_setattr, 0, &attributes, 0);
    }
}

#else

constexpr bool sleeps_until_deadline = false;

inline void sleep_while(Counter& counter, std::uint32_t seen, Clock::time_point) {
    counter.wait(seen, std::memory_order_seq_cst);
}
inline void wake_all(Counter& counter) { counter.notify_all(); }
inline void sleep_punctually() {}

#endif

}  // namespace fastopt
