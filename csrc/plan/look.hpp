// What would become of stretches of one parameter: a direction with the stage around it, written elsewhere.
#pragma once
#include "plan/scalar_row.hpp"
#include "plan/streams.hpp"

namespace fastopt {

class Looking {
public:
    static constexpr std::size_t most_bytes = 4096;    // of a stream, at a time

    Looking(const Streams& streams, const Kernel& kernel, const ScalarRow& row, bool ahead);

    // The n elements from `begin`, whose gradient is g: what becomes of the parameter and of each state goes to as
    // many places, as far as the kernel returns it.
    void operator()(std::ptrdiff_t begin, std::ptrdiff_t n, const char* g, char* const* results) const noexcept;

    // Of a rule: how many of them step along the gradient that the rule is given.
    std::ptrdiff_t agreeing(std::ptrdiff_t begin, std::ptrdiff_t n, const char* g, char* const* results) const noexcept;

    const Kernel& kernel() const { return kernel_; }

private:
    void with_spread(std::ptrdiff_t begin, std::ptrdiff_t n, const char* p, const char* g,
                     char* const* results) const noexcept;
    void run(const void* const* from, const char* g, std::ptrdiff_t n, char* const* results) const noexcept;

    const Streams& streams_;
    const Kernel& kernel_;
    Common::Around around_;
    Scalars stage_, rule_;
    int own_, known_;    // how many states are the parameter's own, and how many are not results alone
};

}  // namespace fastopt
