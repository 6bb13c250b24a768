// Memory of a kernel: it ends where the heap block ends, so that AddressSanitizer and valgrind see what
// goes beyond it, and begins at any phase of a cache line, with bytes before it that must stay.
#pragma once
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>

#include "check.hpp"
#include "kernels/kernel.hpp"

namespace driver {

constexpr std::size_t line = 64;

// Numbers that look random, the same in every run.
class Numbers {
public:
    explicit Numbers(std::uint64_t seed) : state_(seed * 2 + 1) {}

    std::uint32_t bits() {
        state_ = state_ * 6364136223846793005u + 1442695040888963407u;
        return std::uint32_t(state_ >> 33);
    }
    double between(double low, double high) { return low + (high - low) * (bits() % 100'003) / 100'003; }

private:
    std::uint64_t state_;
};

class Buffer {
public:
    // `bytes` bytes, which begin so many bytes after a cache line.
    explicit Buffer(std::size_t bytes, std::size_t phase = 0)
        : bytes_(bytes), phase_(phase), block_(static_cast<char*>(aligned_block(phase + bytes))) {
        std::memset(block_, untouched, phase_);
    }
    Buffer(const Buffer&) = delete;
    Buffer& operator=(const Buffer&) = delete;
    ~Buffer() {
        for (std::size_t i = 0; i < phase_; ++i) CHECK(block_[i] == untouched);
        std::free(block_);
    }

    char* data() { return block_ + phase_; }
    const char* data() const { return block_ + phase_; }
    std::size_t size() const { return bytes_; }
    void copy_from(const Buffer& other) { std::memcpy(data(), other.data(), bytes_); }
    // Whether it holds what the other begins with.
    bool begins(const Buffer& other) const { return std::memcmp(data(), other.data(), bytes_) == 0; }

    void set(fastopt::DType dtype, std::size_t i, double x) {
        if (dtype == fastopt::DType::float32) {
            const auto rounded = static_cast<float>(x);
            std::memcpy(data() + i * sizeof rounded, &rounded, sizeof rounded);
        } else {
            std::memcpy(data() + i * sizeof x, &x, sizeof x);
        }
    }
    void fill(fastopt::DType dtype, Numbers& numbers, double low, double high) {
        for (std::size_t i = 0; i < bytes_ / itemsize(dtype); ++i) {
            set(dtype, i, numbers.between(low, high));
        }
    }

private:
    static constexpr char untouched = 0x5a;

    static void* aligned_block(std::size_t bytes) {
        void* block = nullptr;
        CHECK(posix_memalign(&block, line, bytes) == 0);
        return block;
    }

    std::size_t bytes_, phase_;
    char* block_;
};

}  // namespace driver
