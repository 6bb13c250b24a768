// What follows the rule on a stretch of a parameter that is still in the cache: the pull towards the slow
// weights, and then the average of the parameters and their copy in 16 bits.
#pragma once
#include "kernels/kernel.hpp"
#include "plan/pass.hpp"

namespace fastopt {

// The means of one parameter; what is null is not asked for.
struct AfterUpdate {
    const Common* common;
    std::size_t itemsize;    // of the parameter
    char* slow;
    char* average;
    char* copy;
    Narrow narrow;
    const Pass* pass;        // for the numbers

    bool nothing() const { return !slow && !average && !copy; }

    // For the n elements from `begin` of the parameter p.
    void operator()(char* p, std::ptrdiff_t begin, std::ptrdiff_t n) const noexcept {
        const std::size_t bytes = std::size_t(begin) * itemsize;
        if (slow) common->pull(p + bytes, slow + bytes, n, pass->pull_keep, pass->pull_take);
        if (average) common->average(average + bytes, p + bytes, n, pass->keep, pass->take);
        if (copy) narrow(copy + std::size_t(begin) * 2, p + bytes, n);
    }
};

}  // namespace fastopt
