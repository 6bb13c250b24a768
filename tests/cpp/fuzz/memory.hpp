// Memory of one array: a block of the heap of its own, which begins anywhere in a cache line between bytes
// that must stay, and half of the time ends with the array, where AddressSanitizer sees what goes beyond.
#pragma once
#include <cstddef>
#include <cstring>
#include <memory>
#include <new>
#include <vector>

#include "fuzz/random.hpp"

namespace driver::fuzz {

class Memory {
public:
    Memory() = default;
    // So many bytes, at a multiple of `step` after a cache line.
    Memory(Random& random, std::size_t bytes, std::size_t step)
        : bytes_(bytes),
          before_(line + std::size_t(random.below(line)) / step * step),
          whole_(before_ + bytes + (random.one_in(2) ? line : 0)),
          block_(static_cast<char*>(::operator new(whole_, std::align_val_t(line)))) {
        std::memset(block_.get(), untouched, whole_);
    }

    char* data() const { return block_.get() + before_; }
    std::size_t bytes() const { return bytes_; }

    // All of the block, and whether it is still so; and whether what surrounds the array is.
    const char* block() const { return block_.get(); }
    std::vector<char> image() const { return {block_.get(), block_.get() + whole_}; }
    bool is(const std::vector<char>& image) const {
        return std::memcmp(block_.get(), image.data(), whole_) == 0;
    }
    bool is_alone() const {
        bool alone = true;
        for (std::size_t i = 0; i < before_; ++i) alone &= block_[i] == untouched;
        for (std::size_t i = before_ + bytes_; i < whole_; ++i) alone &= block_[i] == untouched;
        return alone;
    }

private:
    struct Delete {
        void operator()(char* block) const { ::operator delete(block, std::align_val_t(line)); }
    };
    static constexpr std::size_t line = 64;
    static constexpr char untouched = 0x5a;

    std::size_t bytes_ = 0, before_ = 0, whole_ = 0;
    std::unique_ptr<char[], Delete> block_;
};

}  // namespace driver::fuzz
