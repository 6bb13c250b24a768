// What a round draws: the same for the same seed, on every machine.
#pragma once
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <limits>
#include <utility>

namespace driver::fuzz {

class Random {
public:
    explicit Random(std::uint64_t seed) : state_(seed) {}

    std::uint64_t bits() {    // SplitMix64: seeds that follow each other are as good as any
        std::uint64_t x = state_ += 0x9e3779b97f4a7c15;
        x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9;
        x = (x ^ x >> 27) * 0x94d049bb133111eb;
        return x ^ x >> 31;
    }
    // 0 to n - 1.
    std::ptrdiff_t below(std::ptrdiff_t n) { return std::ptrdiff_t(bits() % std::uint64_t(n)); }
    bool one_in(std::ptrdiff_t n) { return below(n) == 0; }
    double between(double low, double high) {
        return low + (high - low) * (static_cast<double>(bits() >> 11) * 0x1p-53);
    }
    template <class List> auto of(const List& list) {
        return *std::next(std::begin(list), below(std::ptrdiff_t(std::size(list))));
    }
    template <class List> void shuffle(List& list) {
        for (std::size_t k = list.size(); k > 1; --k) {
            std::swap(list[k - 1], list[std::size_t(below(std::ptrdiff_t(k)))]);
        }
    }

    // An element: small, or if it is to be wild anything at all now and then.
    double value(bool wild, bool positive) {
        constexpr double infinity = std::numeric_limits<double>::infinity();
        constexpr double nan = std::numeric_limits<double>::quiet_NaN();
        // Zeros, subnormals of each format, the ends of ranges, and what a rounding has to decide.
        constexpr double special[] = {0.0,     -0.0,     1e-40,    -1e-44,   5e-324,    -1e-310,
                                      1.2e-38, 6e-8,     -3e-8,    65519.0,  65520.0,   3.3e38,
                                      3.5e38,  -1e300,   infinity, -infinity, nan,       1.0,
                                      -1.0,    0x1p-126, 0x1p-133, 2049.0,   -0x1.01p0, 0x1p-25};
        if (wild && one_in(6)) return of(special);
        double x = positive ? between(0.0, 1.0) : between(-2.0, 2.0);
        if (wild && one_in(3)) x *= of(powers);
        return x;
    }

private:
    static constexpr double powers[] = {0x1p-140, 0x1p-60, 0x1p-20, 0x1p10, 0x1p50, 0x1p120};

    std::uint64_t state_;
};

}  // namespace driver::fuzz
