// What follows the rule on a stretch of a parameter that is still in the cache: the pull towards the slow
// weights, and then the average of the parameters and their copy in 16 bits.
#pragma once
#include "plan/pass.hpp"
#include "kernels/kernel.hpp"

namespace fastopt {

// The means of one parameter; what is null is not asked for.
struct Finish {
    const Common* common;
    std::size_t itemsize;     // of the parameter
    char* slow;
    char* average;
    char* copy;
    Narrow narrow;
    const Extras* extras;     // for the numbers

    bool nothing() const { return !slow && !average && !copy; }

    // Finishes the n elements from `begin` of the parameter p.
    void operator()(char* p, std::ptrdiff_t begin, std::ptrdiff_t n) const noexcept {
        const std::size_t bytes = std::size_t(begin) * itemsize;
        if (slow) common->pull(p + bytes, slow + bytes, n, extras->pull_keep, extras->pull_take);
        if (average) common->average(average + bytes, p + bytes, n, extras->keep, extras->take);
        if (copy) narrow(copy + std::size_t(begin) * 2, p + bytes, n);
    }
};

}  // namespace fastopt
