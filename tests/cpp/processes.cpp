// The pool and processes: a fork in the middle, and an exit while workers sleep.
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <thread>
#include <vector>

#include "chunks.hpp"
#include "parts.hpp"

namespace driver {
namespace {

// ThreadSanitizer has no account of threads that a forked child makes, and ends it.
#if defined(__SANITIZE_THREAD__)
constexpr int runs_of_child = 1;
#else
constexpr int runs_of_child = 3;
#endif

void expect_success(pid_t child) {
    CHECK(child > 0);
    int status = -1;
    CHECK(waitpid(child, &status, 0) == child);
    CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

// The child has none of the parent's workers, and makes its own; both go on.
void forks_between_steps() {
    Chunks chunks(40);
    for (int i = 0; i < 20 / divisor + 1; ++i) {
        chunks.step(4);
        const pid_t child = fork();
        for (int k = 0; k < 20; ++k) chunks.step(child == 0 ? runs_of_child : 3);
        if (child == 0 && runs_of_child > 1) wait_for_help();
        // With the handlers that a process runs when it ends; its workers look out for a step.
        if (child == 0) std::exit(0);
        expect_success(child);
    }
}

// Another thread holds the parent's pool at that moment: the child's is free. It allocates nothing then,
// as AddressSanitizer's allocator does not survive a fork in the middle of that.
void forks_while_others_step() {
    std::atomic<bool> begun{false}, stop{false};
    Chunks chunks(40);
    const std::vector<std::uint32_t> edges{0, 10, 20, 40};
    std::thread other([&] {
        while (!stop.load(std::memory_order_relaxed)) {
            chunks.step(edges);
            begun.store(true, std::memory_order_relaxed);
        }
    });
    while (!begun.load(std::memory_order_relaxed)) std::this_thread::yield();
    for (int i = 0; i < 20 / divisor + 1; ++i) {
        const pid_t child = fork();
        if (child == 0) {
            Chunks of_child(10);
            for (int k = 0; k < 20; ++k) of_child.step(runs_of_child);
            std::_Exit(0);
        }
        expect_success(child);
    }
    stop.store(true, std::memory_order_relaxed);
    other.join();
}

}  // namespace

void processes() {
    forks_between_steps();
    forks_while_others_step();
    std::puts("processes: parents and children have done every chunk once");
}

}  // namespace driver
