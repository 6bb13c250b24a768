// What follows the rule on a stretch of a parameter that is still in the cache: the average of the
// parameters, and their copy in 16 bits.
#pragma once
#include "kernel.hpp"

namespace fastopt {

// The means of one parameter; what is null is not asked for.
struct Finish {
    const Common* common;
    std::size_t itemsize;     // of the parameter
    char* average;
    char* copy;
    Narrow narrow;
    double keep, take;        // of the average

    bool nothing() const { return !average && !copy; }

    // Finishes the n elements from `begin` of the parameter p.
    void operator()(const char* p, std::ptrdiff_t begin, std::ptrdiff_t n) const noexcept {
        const char* from = p + std::size_t(begin) * itemsize;
        if (average) common->average(average + std::size_t(begin) * itemsize, from, n, keep, take);
        if (copy) narrow(copy + std::size_t(begin) * 2, from, n);
    }
};

}  // namespace fastopt
