// The thread pool: each chunk is done once, whoever calls, however many threads there are, and however
// the steps come.
#include <chrono>
#include <thread>
#include <vector>

#include "chunks.hpp"
#include "parts.hpp"

namespace driver {
namespace {

using std::chrono::microseconds;

void sizes() {
    for (const std::uint32_t count : {0u, 1u, 2u, 3u, 7u, 64u, 1000u, 100'000u}) {
        Chunks chunks(count);
        for (const int runs : {1, 2, 3, 4, 16}) chunks.step(runs);
    }
}

void uneven_runs() {
    Chunks chunks(100);
    for (int i = 0; i < 100 / divisor; ++i) {
        chunks.step({0, 0, 100});
        chunks.step({0, 100, 100});
        chunks.step({0, 1, 1, 99, 100, 100});
    }
}

void growing_and_shrinking() {
    Chunks chunks(50);
    for (int i = 0; i < 20 / divisor + 1; ++i) {
        for (int runs = 1; runs <= 12; ++runs) chunks.step(runs);
        for (int runs = 12; runs > 0; --runs) chunks.step(runs);
    }
}

void in_quick_succession() {
    Chunks chunks(16);
    for (int i = 0; i < 20'000 / divisor; ++i) chunks.step(2 + i % 3);
}

// Around the time that workers look out for a step, and far beyond it.
void with_pauses() {
    Chunks chunks(16);
    for (int i = 0; i < 50 / divisor + 1; ++i) {
        for (const int pause : {5, 20, 40, 41, 60, 80, 200, 1000}) {
            std::this_thread::sleep_for(microseconds(pause));
            chunks.step(4);
        }
    }
}

// Long steps at a steady pace: workers sleep until shortly before the next is due, and miss some.
void at_a_steady_pace() {
    struct Slow {
        Chunks chunks{8};
        static void task(void* self, std::uint32_t chunk) noexcept {
            std::this_thread::sleep_for(microseconds(300));
            Chunks::count(&static_cast<Slow*>(self)->chunks, chunk);
        }
    } slow;
    const std::uint32_t edges[] = {0, 3, 6, 8};
    for (int i = 0; i < 60 / divisor + 1; ++i) {
        fastopt::threads::run(edges, 3, &Slow::task, &slow);
        slow.chunks.check(1);
        std::this_thread::sleep_for(std::chrono::milliseconds(i % 20 == 19 ? 100 : 6));
    }
}

// One of them holds the pool, the others do their steps themselves.
void many_callers() {
    std::vector<std::thread> callers;
    for (int c = 0; c < 8; ++c) {
        callers.emplace_back([c] {
            Chunks chunks(std::uint32_t(20 + c));
            for (int i = 0; i < 1500 / divisor; ++i) {
                chunks.step(1 + (i + c) % 5);
                if (i % 100 == c) std::this_thread::sleep_for(microseconds(300));
            }
        });
    }
    for (std::thread& caller : callers) caller.join();
}

// A task that calls the pool, as a callback could: the pool is held, so it does all itself.
void a_step_within_a_step() {
    struct Outer {
        Chunks chunks{8};
        static void task(void* self, std::uint32_t chunk) noexcept {
            Chunks(5).step(3);
            Chunks::count(&static_cast<Outer*>(self)->chunks, chunk);
        }
    } outer;
    const std::uint32_t edges[] = {0, 4, 8};
    for (int i = 0; i < 200 / divisor; ++i) {
        fastopt::threads::run(edges, 2, &Outer::task, &outer);
        outer.chunks.check(1);
    }
}

}  // namespace

void pool() {
    sizes();
    wait_for_help();
    uneven_runs();
    growing_and_shrinking();
    in_quick_succession();
    with_pauses();
    at_a_steady_pace();
    many_callers();
    a_step_within_a_step();
    std::puts("pool: every chunk was done once");
}

}  // namespace driver
