// Spreads arrays over tiles.
#include "plan/spread.hpp"

#include <algorithm>
#include <cstdint>
#include <cstring>

namespace fastopt {
namespace {

template <class Bits> void fill(char* to, const char* from, std::ptrdiff_t n) {
    Bits bits;
    std::memcpy(&bits, from, sizeof bits);
    std::fill_n(reinterpret_cast<Bits*>(to), n, bits);
}

}  // namespace

void Spread::read(std::size_t array, std::size_t item, std::ptrdiff_t begin, std::ptrdiff_t n,
                  char* to) const noexcept {
    const bool same = steps[array].back() == 0;
    each_run(begin, n, [&](std::ptrdiff_t at, std::ptrdiff_t length, const std::ptrdiff_t* offsets) {
        const char* const from = data[array] + std::size_t(offsets[array] + (same ? 0 : at)) * item;
        if (!same) {
            std::memcpy(to, from, std::size_t(length) * item);
        } else if (item == 4) {
            fill<std::uint32_t>(to, from, length);
        } else {
            fill<std::uint64_t>(to, from, length);
        }
        to += std::size_t(length) * item;
    });
}

}  // namespace fastopt
