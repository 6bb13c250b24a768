// Elements of every format as doubles, which hold each of them: conversions by arithmetic alone, with
// nothing in common with csrc/kernels/convert.hpp.
#pragma once
#include "kernels/kernel.hpp"

namespace driver::fuzz {

using fastopt::DType;

// The element at an address, which need not be aligned; exact.
double value(DType dtype, const char* at);
// Puts x there, rounded once to nearest, ties to even; to bfloat16 by way of float.
void put(DType dtype, char* at, double x);
// Whether both are the same bits, or both NaN.
bool same(DType dtype, const char* a, const char* b);

template <class T> constexpr DType dtype_of = DType::float64;
template <> inline constexpr DType dtype_of<float> = DType::float32;

}  // namespace driver::fuzz
