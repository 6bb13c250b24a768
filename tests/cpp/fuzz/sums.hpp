// Sums as python/fastopt/numerics/sums.py and csrc/kernels/reduce.hpp say, in a plain loop.
#pragma once
#include <algorithm>
#include <cmath>
#include <cstddef>
#include <vector>

namespace driver::fuzz {

// Of the squares of x, or of what it is more than y, if there is one: blocks of 4,096 elements, each of 32
// lanes that are added from the left and then by halves, and the blocks in their order.
template <class T> double sum_of_squares(const std::vector<T>& x, const std::vector<T>* y = nullptr) {
    double total = 0.0;
    for (std::size_t begin = 0; begin < x.size(); begin += 4096) {
        double lanes[32] = {};
        for (std::size_t i = begin; i < std::min(x.size(), begin + 4096); ++i) {
            double one = static_cast<double>(x[i]);
            if (y) one -= static_cast<double>((*y)[i]);
            lanes[(i - begin) % 32] += one * one;
        }
        for (int half = 16; half > 0; half /= 2) {
            for (int k = 0; k < half; ++k) lanes[k] += lanes[k + half];
        }
        total += lanes[0];
    }
    return total;
}

inline bool same_sum(double a, double b) {
    return (std::isnan(a) && std::isnan(b)) || (a == b && std::signbit(a) == std::signbit(b));
}

}  // namespace driver::fuzz
