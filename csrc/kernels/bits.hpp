// The bits of numbers.
#pragma once
#include <cstdint>

#ifndef FASTOPT_LEVEL
#define FASTOPT_LEVEL baseline
#endif

namespace fastopt::FASTOPT_LEVEL {

template <class To, class From> inline To bits_as(From from) {
    static_assert(sizeof(To) == sizeof(From));
    To to;
    __builtin_memcpy(&to, &from, sizeof to);
    return to;
}

template <class T> struct BitsOf;
template <> struct BitsOf<float> {
    using type = std::uint32_t;
};
template <> struct BitsOf<double> {
    using type = std::uint64_t;
};

}  // namespace fastopt::FASTOPT_LEVEL
