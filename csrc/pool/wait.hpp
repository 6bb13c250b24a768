// Waiting for something to change: awake, or asleep until a moment has come, which C++20 does not have.
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

namespace fastopt::threads {

using Clock = std::chrono::steady_clock;
using Counter = std::atomic<std::uint32_t>;
static_assert(sizeof(Counter) == sizeof(std::uint32_t));

inline void pause() {
#if defined(__x86_64__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    asm volatile("yield");
#endif
}

// Spins until done() or until patience has run out; says whether it is done.
template <class Done> bool spin(std::chrono::nanoseconds patience, Done done) {
    const auto start = Clock::now();
    do {
        for (int i = 0; i < 16; ++i) {
            if (done()) return true;
            pause();
        }
    } while (Clock::now() - start < patience);
    return done();
}

#if defined(__linux__)

constexpr bool sleeps_until_deadline = true;

// Sleeps until the counter is no longer `seen`, or until the deadline, or for no reason.
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

// By default the kernel lets a thread sleep up to 50 us longer than it asked for.
inline void sleep_punctually() { prctl(PR_SET_TIMERSLACK, 1); }

#else

constexpr bool sleeps_until_deadline = false;

inline void sleep_while(Counter& counter, std::uint32_t seen, Clock::time_point) {
    counter.wait(seen, std::memory_order_seq_cst);
}
inline void wake_all(Counter& counter) { counter.notify_all(); }
inline void sleep_punctually() {}

#endif

}  // namespace fastopt::threads
