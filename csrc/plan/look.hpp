// What would become of stretches of one parameter: a direction, or a rule, with the part of a stage before it.
#pragma once
#include "plan/scalar_row.hpp"
#include "plan/streams.hpp"

namespace fastopt {

// Where what becomes of a stream goes: to a place, to the lanes of a sum, to both or nowhere.
struct Sink {
    char* to = nullptr;
    double* lanes = nullptr;
    Summed summed = Summed::nothing;
};

class Looking {
public:
    static constexpr std::size_t most_bytes = 4096;    // of a stream, at a time

    Looking(const Streams& streams, const Kernel& kernel, const ScalarRow& row, bool ahead);

    // The n elements from `begin`, whose gradient is g; what becomes of the parameter and of each state goes to as
    // many sinks, as far as the kernel returns it.
    void operator()(std::ptrdiff_t begin, std::ptrdiff_t n, const char* g, const Sink* sinks) const noexcept;

    // Of a rule: how many of them step along the gradient that the rule is given.
    std::ptrdiff_t agreeing(std::ptrdiff_t begin, std::ptrdiff_t n, const char* g) const noexcept;

private:
    using Tile = char[most_bytes];

    // What the stage makes of a stretch; and what the kernel does with that.
    struct Seen {
        const char *p, *g;
        alignas(64) Tile copied, changed;
    };
    void see(std::ptrdiff_t begin, std::ptrdiff_t n, const char* g, Seen& seen) const noexcept;
    void look(std::ptrdiff_t begin, std::ptrdiff_t n, const Seen& seen, char* const* results) const noexcept;
    void run(const void* const* from, const char* g, std::ptrdiff_t n, char* const* results) const noexcept;

    const Streams& streams_;
    const Kernel& kernel_;
    Before before_;    // null where the stage changes nothing
    Scalars stage_, rule_;
    int own_, spread_;    // how many states are the parameter's own; and those with what is spread
};

}  // namespace fastopt
