// The chunks of one thread that nobody has begun.
#pragma once
#include <atomic>
#include <cstdint>

namespace fastopt::threads {

// They are one word: the first in the low half, the end in the high half. Owner and others take from
// the front, as memory is fastest forwards. Whoever takes a chunk takes it of the step that is running,
// however late he comes, for the word of a finished step is empty.
class alignas(64) ChunkQueue {
public:
    void set(std::uint32_t begin, std::uint32_t end) {
        word_.store(begin | std::uint64_t(end) << 32, std::memory_order_release);
    }

    bool take(std::uint32_t& chunk) {
        std::uint64_t word = word_.load(std::memory_order_acquire);
        for (;;) {
            chunk = static_cast<std::uint32_t>(word);
            if (chunk >= static_cast<std::uint32_t>(word >> 32)) return false;
            if (word_.compare_exchange_weak(word, word + 1, std::memory_order_acq_rel,
                                            std::memory_order_acquire)) {
                return true;
            }
        }
    }

private:
    std::atomic<std::uint64_t> word_{0};
};

}  // namespace fastopt::threads
