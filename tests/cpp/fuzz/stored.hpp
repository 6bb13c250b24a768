// Streams of few bits, read and written by the definition of their formats, with nothing in common with
// csrc/kernels/storage.hpp: in doubles, but for what is said to be rounded to a float.
#pragma once
#include <cstdint>
#include <vector>

#include "fuzz/formats.hpp"

namespace driver::fuzz {

using fastopt::Storage;

// A stream as it lies in memory: its elements, and what stands beside them.
struct Bits {
    std::vector<char> elements, beside;
};

std::vector<float> decoded(Storage how, const Bits& bits);
// `noise`: 16 bits for each element, or none to round to nearest.
Bits encoded(Storage how, const std::vector<float>& values, const std::vector<unsigned>& noise);

// What the elements of a stream are rounded by: stream 0 is the parameter, those that follow its states.
std::vector<unsigned> noise_of(std::uint64_t seed, std::uint64_t step, std::size_t stream, std::size_t n);

}  // namespace driver::fuzz
