// The thread pool: its workers, and how they are woken and waited for.
#include "pool/threads.hpp"

#include <atomic>
#include <chrono>
#include <csignal>
#include <exception>
#include <new>
#include <thread>

#include "pool/chunk_queue.hpp"
#include "pool/fpenv.hpp"
#include "pool/processors.hpp"
#include "pool/step_timing.hpp"
#include "pool/wait.hpp"
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

// How many steps that do not come a worker expects before it sleeps until it is woken.
constexpr int most_missed = 4;

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
        for (int k = 0; k < runs; ++k) queues_[k].set(edges[k], edges[k + 1]);
        timing_.begin();
        caller_is_on_.store(current_processor(), memory_order_relaxed);
        const std::uint32_t step = step_.fetch_add(1, memory_order_seq_cst);
        const bool woken = asleep_.load(memory_order_seq_cst) > 0 && worth_waking(step);
        if (woken) wake_all(step_);
        const bool alone = work(0) == chunks;
        if (woken) in_vain_ = alone ? in_vain_ + 1 : 0;
        if (!alone) wait_for_others();
        timing_.end();
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

    // Waits for the chunks that others are in the middle of.
    void wait_for_others() {
        if (spin(caller_patience, [&] { return left_.load(memory_order_acquire) == 0; })) return;
        for (std::uint32_t left; (left = left_.load(memory_order_acquire)) != 0;) {
            sleep_while(left_, left, Clock::time_point::max());
        }
    }

    // Waking costs a system call, and who is woken for a short step comes in the middle of a later
    // one. Where workers keep coming too late, they are woken now and then only.
    bool worth_waking(std::uint32_t step) const {
        return timing_.worth_help() && (in_vain_ < 2 || step % 16 == 0);
    }

    // Does what there is to do: the own run, then what is left of the others'. Gives back how many
    // chunks it has done.
    std::uint32_t work(int self) {
        const FloatingPointEnvironment environment;
        const int runs = runs_.load(memory_order_relaxed);
        std::uint32_t done = 0, chunk;
        if (self >= runs) return done;
        for (; queues_[self].take(chunk); ++done) finish(chunk);
        for (int k = 1; k < runs; ++k) {
            for (; queues_[(self + k) % runs].take(chunk); ++done) finish(chunk);
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
    // itself shortly before the next step is due, and looks out for it now and then.
    void await(std::uint32_t seen) {
        const auto called = [&] { return step_.load(memory_order_acquire) != seen; };
        asleep_.fetch_add(1, memory_order_seq_cst);
        for (int missed = 0; sleeps_until_deadline && missed < most_missed && !called(); ++missed) {
            if (!timing_.expected()) break;
            const auto due = timing_.next(missed);
            sleep_while(step_, seen, due.earliest);
            while (!called() && Clock::now() < due.latest) {
                sleep_while(step_, seen, Clock::now() + due.lookout);
            }
        }
        while (!called()) sleep_while(step_, seen, Clock::time_point::max());
        asleep_.fetch_sub(1, memory_order_relaxed);
    }

    std::atomic<bool> held_{false};
    std::uint32_t in_vain_ = 0;    // how often in a row waking brought no help
    StepTiming timing_;
    alignas(64) Counter step_{0};    // counts the steps; idle workers watch it
    std::atomic<int> asleep_{0};
    std::atomic<int> caller_is_on_{-1};
    alignas(64) Counter left_{0};    // chunks of this step not yet done
    alignas(64) std::atomic<int> runs_{0};
    Task task_ = nullptr;
    void* context_ = nullptr;
    int workers_ = 0;
    ChunkQueue queues_[max_threads];
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
