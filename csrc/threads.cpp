#include "threads.hpp"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <exception>
#include <new>
#include <thread>

#include "fpenv.hpp"
#include "processors.hpp"
#include "sleep.hpp"
#if !defined(_WIN32)
#include <pthread.h>
#endif

namespace fastopt::threads {
namespace {

using std::memory_order_acq_rel;
using std::memory_order_acquire;
using std::memory_order_relaxed;
using std::memory_order_release;
using std::memory_order_seq_cst;

// How long an idle worker looks out for the next step before it sleeps. A step that comes later than
// this finds it asleep, and the worker then sleeps at once until steps come close together again.
constexpr auto worker_patience = std::chrono::microseconds(40);
// How long the caller looks out for chunks that others are in the middle of, before it sleeps and so
// gives its core to them.
constexpr auto caller_patience = std::chrono::microseconds(20);

// How often a worker looks whether the step that is due has begun.
constexpr auto lookout = std::chrono::microseconds(50);

void pause() {
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

// The chunks of one thread that nobody has begun, as one word: the first in the low half, the end in
// the high half. The owner takes from the front, the others from the back. Whoever takes a chunk takes
// it of the step that is running, however late he comes, for the word of a finished step is empty.
class alignas(64) Run {
public:
    void set(std::uint32_t begin, std::uint32_t end) {
        word_.store(begin | std::uint64_t(end) << 32, memory_order_release);
    }
    bool take_front(std::uint32_t& chunk) {
        return take([&](std::uint32_t& begin, std::uint32_t&) { chunk = begin++; });
    }
    bool take_back(std::uint32_t& chunk) {
        return take([&](std::uint32_t&, std::uint32_t& end) { chunk = --end; });
    }

private:
    template <class Take> bool take(Take one) {
        std::uint64_t word = word_.load(memory_order_acquire);
        for (;;) {
            auto begin = static_cast<std::uint32_t>(word);
            auto end = static_cast<std::uint32_t>(word >> 32);
            if (begin >= end) return false;
            one(begin, end);
            if (word_.compare_exchange_weak(word, begin | std::uint64_t(end) << 32,
                                            memory_order_acq_rel, memory_order_acquire)) {
                return true;
            }
        }
    }
    std::atomic<std::uint64_t> word_{0};
};

// When steps come, and when the next one is due: training takes its steps at a steady pace.
class Rhythm {
public:
    struct Due {
        bool expected;
        Clock::time_point earliest, latest;
    };

    void beat() {
        const std::int64_t now = Clock::now().time_since_epoch().count();
        const std::int64_t interval = now - last_.load(memory_order_relaxed);
        const std::int64_t change = std::abs(interval - interval_.load(memory_order_relaxed));
        jitter_.store(std::max(change, change_before_), memory_order_relaxed);
        change_before_ = change;
        interval_.store(interval, memory_order_relaxed);
        last_.store(now, memory_order_relaxed);
    }

    Due next() const {
        const std::chrono::nanoseconds last(last_.load(memory_order_relaxed));
        const std::chrono::nanoseconds interval(interval_.load(memory_order_relaxed));
        const std::chrono::nanoseconds jitter(jitter_.load(memory_order_relaxed));
        const bool expected = shortest < interval && interval < longest && jitter < interval / 8;
        const Clock::time_point due(last + interval);
        return {expected, due - jitter - lookout, due + 4 * jitter + lookout};
    }

private:
    static constexpr auto shortest = std::chrono::microseconds(200);
    static constexpr auto longest = std::chrono::milliseconds(100);
    std::atomic<std::int64_t> last_{0}, interval_{0}, jitter_{0};    // nanoseconds
    std::int64_t change_before_ = 0;
};

// Workers are not for signals: handlers run on the threads they ran on before.
class SignalsBlocked {
public:
#if defined(_WIN32)
    SignalsBlocked() {}
#else
    SignalsBlocked() {
        sigset_t all;
        sigfillset(&all);
        pthread_sigmask(SIG_SETMASK, &all, &saved_);
    }
    ~SignalsBlocked() { pthread_sigmask(SIG_SETMASK, &saved_, nullptr); }

private:
    sigset_t saved_;
#endif
};

class Pool {
public:
    bool try_hold() { return !held_.exchange(true, memory_order_acquire); }
    void release() { held_.store(false, memory_order_release); }

    // Called by the holder alone. All of a step is written before its first run is set, so whoever
    // has taken a chunk sees it.
    void run(const std::uint32_t* edges, int runs, Task task, void* context) {
        grow(runs);
        task_ = task;
        context_ = context;
        const std::uint32_t chunks = edges[runs] - edges[0];
        left_.store(chunks, memory_order_relaxed);
        runs_.store(runs, memory_order_relaxed);
        for (int k = 0; k < runs; ++k) run_of_[k].set(edges[k], edges[k + 1]);
        rhythm_.beat();
        caller_is_on_.store(current_processor(), memory_order_relaxed);
        const std::uint32_t step = step_.fetch_add(1, memory_order_seq_cst);
        const bool woken = asleep_.load(memory_order_seq_cst) > 0 && worth_waking(step);
        if (woken) wake_all(step_);
        const bool alone = work(0) == chunks;
        if (woken) in_vain_ = alone ? in_vain_ + 1 : 0;
        if (alone || spin(caller_patience, [&] { return left_.load(memory_order_acquire) == 0; })) {
            return;
        }
        for (std::uint32_t left; (left = left_.load(memory_order_acquire)) != 0;) {
            sleep_while(left_, left, Clock::time_point::max());
        }
    }

private:
    // Makes workers until there are enough for this many runs; fewer are no error, only slower.
    void grow(int runs) {
        for (; workers_ < runs - 1; ++workers_) {
            try {
                const SignalsBlocked signals;
                std::thread(&Pool::serve, this, workers_ + 1).detach();
            } catch (const std::exception&) {
                return;
            }
        }
    }

    // Waking costs a system call; where workers keep coming too late, it is done now and then only.
    bool worth_waking(std::uint32_t step) const { return in_vain_ < 2 || step % 16 == 0; }

    // Does what there is to do: the own run from its front, then the others' from their backs. Gives
    // back how many chunks it has done.
    std::uint32_t work(int self) {
        const FloatingPointEnvironment environment;
        const int runs = runs_.load(memory_order_relaxed);
        std::uint32_t done = 0, chunk;
        if (self >= runs) return done;
        for (; run_of_[self].take_front(chunk); ++done) finish(chunk);
        for (int k = 1; k < runs; ++k) {
            for (; run_of_[(self + k) % runs].take_back(chunk); ++done) finish(chunk);
        }
        if (self != 0 && done > 0 && left_.load(memory_order_acquire) == 0) wake_all(left_);
        return done;
    }

    void finish(std::uint32_t chunk) {
        task_(context_, chunk);
        left_.fetch_sub(1, memory_order_acq_rel);
    }

    [[noreturn]] void serve(int self) {
        sleep_punctually();
        const Processors processors;
        std::uint32_t seen = 0;
        for (bool eager = true;;) {
            const auto idle_since = Clock::now();
            const auto called = [&] { return step_.load(memory_order_acquire) != seen; };
            if (!(eager && spin(worker_patience, called))) await(seen);
            eager = Clock::now() - idle_since < 2 * worker_patience;
            seen = step_.load(memory_order_acquire);
            work(self);
            // A worker on the caller's processor would only take it from him.
            const int caller = caller_is_on_.load(memory_order_relaxed);
            if (caller == current_processor()) processors.leave(caller);
        }
    }

    // Sleeps until the next step. Being woken from another core can take milliseconds where a thread
    // of a BLAS spins on this one; a timer of this core's own takes none. So a worker gets up by
    // itself shortly before the next step is due, and looks out for it.
    void await(std::uint32_t seen) {
        asleep_.fetch_add(1, memory_order_seq_cst);
        if (const auto due = rhythm_.next(); sleeps_until_deadline && due.expected) {
            sleep_while(step_, seen, due.earliest);
            while (step_.load(memory_order_acquire) == seen && Clock::now() < due.latest) {
                sleep_while(step_, seen, Clock::now() + lookout);
            }
        }
        while (step_.load(memory_order_acquire) == seen) {
            sleep_while(step_, seen, Clock::time_point::max());
        }
        asleep_.fetch_sub(1, memory_order_relaxed);
    }

    std::atomic<bool> held_{false};
    std::uint32_t in_vain_ = 0;    // how often in a row waking brought no help
    Rhythm rhythm_;
    alignas(64) Counter step_{0};    // counts the steps; idle workers watch it
    std::atomic<int> asleep_{0};
    std::atomic<int> caller_is_on_{-1};
    alignas(64) Counter left_{0};    // chunks of this step not yet done
    alignas(64) std::atomic<int> runs_{0};
    Task task_ = nullptr;
    void* context_ = nullptr;
    int workers_ = 0;
    Run run_of_[max_threads];
};

// The pool lives as long as the process. A forked child has none of its parent's workers, so it
// leaves the parent's pool alone and makes one of its own when it first needs it.
std::atomic<Pool*> the_pool{nullptr};

Pool* pool() {
    Pool* found = the_pool.load(memory_order_acquire);
    if (found) return found;
    auto* made = new (std::nothrow) Pool;
    if (made && the_pool.compare_exchange_strong(found, made)) return made;
    delete made;
    return found;
}

#if !defined(_WIN32)
const int fork_handler =
    pthread_atfork(nullptr, nullptr, [] { the_pool.store(nullptr, memory_order_release); });
#endif

}  // namespace

void run(const std::uint32_t* edges, int runs, Task task, void* context) noexcept {
    Pool* const shared = runs > 1 ? pool() : nullptr;
    if (shared && shared->try_hold()) {
        shared->run(edges, runs, task, context);
        shared->release();
        return;
    }
    const FloatingPointEnvironment environment;
    for (std::uint32_t chunk = edges[0]; chunk < edges[runs]; ++chunk) task(context, chunk);
}

}  // namespace fastopt::threads
