// A step whose last chunk is a worker's, which ends when the caller sleeps: it has to wake the caller.
// There are two chunks, one for each thread, so that this one is all that the worker has done.
#include <atomic>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <thread>

#include "check.hpp"
#include "pool/threads.hpp"

namespace {

using namespace std::chrono;

struct Step {
    milliseconds length;    // of the worker's chunk
    std::atomic<bool> begun{false};
    std::atomic<int> done{0};

    static void task(void* self, std::uint32_t chunk) noexcept {
        auto& step = *static_cast<Step*>(self);
        if (chunk == 1) {
            step.begun = true;
            std::this_thread::sleep_for(step.length);
        } else {
            // Until a worker has begun the other, else the caller would do both; some steps wake none.
            const auto end = steady_clock::now() + milliseconds(5);
            while (!step.begun && steady_clock::now() < end) std::this_thread::yield();
        }
        ++step.done;
    }
};

// The caller looks out for some 20 us before it sleeps: shorter than that, about as long, and far longer.
void test_the_caller_is_woken() {
    for (const milliseconds length : {milliseconds(0), milliseconds(1), milliseconds(5)}) {
        int helped = 0;
        for (int i = 0; i < 20; ++i) {
            Step step{.length = length};
            const std::uint32_t edges[] = {0, 1, 2};
            const auto begun = steady_clock::now();
            fastopt::threads::run(edges, 2, &Step::task, &step);
            CHECK(step.done == 2);
            helped += steady_clock::now() - begun < length + milliseconds(5);
        }
        CHECK(helped > 0);
    }
}

}  // namespace

int main() {
    test_the_caller_is_woken();
    std::puts("ok");
}
