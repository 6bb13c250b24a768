#include "threads.hpp"

#include <atomic>
#include <chrono>
#include <csignal>
#include <exception>
#include <new>
#include <thread>

#include "fpenv.hpp"
#if !defined(_WIN32)
#include <pthread.h>
#endif

namespace fastopt::threads {
namespace {

using Clock = std::chrono::steady_clock;
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
        left_.store(edges[runs] - edges[0], memory_order_relaxed);
        runs_.store(runs, memory_order_relaxed);
        for (int k = 0; k < runs; ++k) run_of_[k].set(edges[k], edges[k + 1]);
        step_.fetch_add(1, memory_order_seq_cst);
        if (asleep_.load(memory_order_seq_cst) > 0) step_.notify_all();
        work(0);
        if (spin(caller_patience, [&] { return left_.load(memory_order_acquire) == 0; })) return;
        for (std::uint32_t left; (left = left_.load(memory_order_acquire)) != 0;) {
            left_.wait(left, memory_order_acquire);
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

    // Does what there is to do: the own run from its front, then the others' from their backs.
    void work(int self) {
        const FloatingPointEnvironment environment;
        const int runs = runs_.load(memory_order_relaxed);
        if (self >= runs) return;
        std::uint32_t chunk;
        while (run_of_[self].take_front(chunk)) finish(chunk);
        for (int k = 1; k < runs; ++k) {
            while (run_of_[(self + k) % runs].take_back(chunk)) finish(chunk);
        }
    }

    void finish(std::uint32_t chunk) {
        task_(context_, chunk);
        if (left_.fetch_sub(1, memory_order_acq_rel) == 1) left_.notify_all();
    }

    [[noreturn]] void serve(int self) {
        std::uint32_t seen = 0;
        const auto called = [&] { return step_.load(memory_order_acquire) != seen; };
        for (bool eager = true;;) {
            const auto idle_since = Clock::now();
            if (!(eager && spin(worker_patience, called))) {
                asleep_.fetch_add(1, memory_order_seq_cst);
                step_.wait(seen, memory_order_seq_cst);
                asleep_.fetch_sub(1, memory_order_relaxed);
            }
            eager = Clock::now() - idle_since < 2 * worker_patience;
            seen = step_.load(memory_order_acquire);
            work(self);
        }
    }

    std::atomic<bool> held_{false};
    alignas(64) std::atomic<std::uint32_t> step_{0};    // counts the steps; idle workers watch it
    std::atomic<int> asleep_{0};
    alignas(64) std::atomic<std::uint32_t> left_{0};    // chunks of this step not yet done
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
