// A step of the pool whose chunks count how often they are done.
#pragma once
#include <chrono>
#include <cstdint>
#include <thread>
#include <vector>

#include "check.hpp"
#include "pool/threads.hpp"

namespace driver {

// The counters are plain: that each chunk is done by one thread, and that the caller sees it done, is
// what the pool promises, and ThreadSanitizer sees where it does not keep it.
class Chunks {
public:
    explicit Chunks(std::uint32_t count) : done_(count, 0) {}

    static void count(void* self, std::uint32_t chunk) noexcept {
        ++static_cast<Chunks*>(self)->done_[chunk];
    }

    // One step, with the edges of the runs as they are given.
    void step(const std::vector<std::uint32_t>& edges) {
        fastopt::threads::run(edges.data(), int(edges.size()) - 1, &Chunks::count, this);
        check(1);
    }
    // One step, of equal runs.
    void step(int runs) {
        std::vector<std::uint32_t> edges;
        const auto parts = std::size_t(runs);
        for (std::size_t k = 0; k <= parts; ++k) {
            edges.push_back(std::uint32_t(done_.size() * k / parts));
        }
        step(edges);
    }
    // Whether each chunk has been done this often since it was last asked.
    void check(std::uint32_t times) {
        for (std::uint32_t& done : done_) {
            CHECK(done == times);
            done = 0;
        }
    }

private:
    std::vector<std::uint32_t> done_;
};

// Steps until a worker has done a chunk: chunks that sleep leave it the time to come.
inline void wait_for_help() {
    struct Helped {
        std::thread::id caller = std::this_thread::get_id();
        bool by_other[8] = {};
        static void task(void* self, std::uint32_t chunk) noexcept {
            std::this_thread::sleep_for(std::chrono::milliseconds(1));
            auto& helped = *static_cast<Helped*>(self);
            helped.by_other[chunk] = std::this_thread::get_id() != helped.caller;
        }
    } helped;
    const std::uint32_t edges[] = {0, 4, 8};
    bool found = false;
    for (int step = 0; step < 1000 && !found; ++step) {
        fastopt::threads::run(edges, 2, &Helped::task, &helped);
        for (const bool other : helped.by_other) found |= other;
    }
    CHECK(found);
}

}  // namespace driver
