// Gradients of any layout, read through a tile: the update is the one with a contiguous copy, and
// zeroing touches the gradient's elements alone.
#include <cstdio>
#include <cstring>
#include <string>
#include <utility>
#include <vector>

#include "levels.hpp"
#include "parameter.hpp"
#include "parts.hpp"
#include "plan/strided_gradient.hpp"
#include "row.hpp"
#include "strided_array.hpp"

namespace driver {
namespace {

using fastopt::DType;
using fastopt::Kernel;
using fastopt::StridedGradient;

void fill(Buffer& buffer, DType dtype) {
    Numbers numbers(13);
    if (itemsize(dtype) > 2) return buffer.fill(dtype, numbers, -2.0, 2.0);
    for (std::size_t i = 0; i < buffer.size(); i += 2) {    // bits of small numbers, in both dtypes
        const auto bits = std::uint16_t(0x3000 + numbers.bits() % 0xa00);
        std::memcpy(buffer.data() + i, &bits, sizeof bits);
    }
}

// The gradient as its parameter lies, each element read and converted by itself.
void copy_each(const Kernel& kernel, StridedArray& gradient, DType dtype, bool fortran, Buffer& copy) {
    char* to = copy.data();
    for (const std::size_t place : gradient.places(fortran)) {
        kernel.common->gather[int(dtype)](gradient.buffer().data() + place, 0, 0, 1, 1, to);
        to += itemsize(kernel.dtype);
    }
}

void expect_the_update(const Kernel& kernel, const StridedGradient& gradient, const Buffer& copy) {
    const auto elements = std::ptrdiff_t(copy.size() / itemsize(kernel.dtype));
    Parameter updated(kernel, std::size_t(elements)), expected(kernel, std::size_t(elements));
    fastopt::ScalarRow row;
    fill_row(row, kernel, fastopt::Stage::coupled);
    const fastopt::Pass pass{};
    const fastopt::Streams streams = updated.streams(kernel);
    const fastopt::Update update(streams, &row, pass, {.far = false, .ahead = false});
    // As two threads do it, the later part first; one of them zeroes what it has read.
    const std::ptrdiff_t half = gradient.blocks() / 2, all = gradient.blocks();
    gradient.run(update, false, half, all);
    gradient.run(update, true, 0, half);
    expected.update(kernel, row, copy);
    CHECK(updated.begins(expected));
}

void expect_zeros(const StridedGradient& strided, StridedArray& gradient, DType dtype, bool fortran) {
    Buffer expected(gradient.buffer().size());
    fill(gradient.buffer(), dtype);
    expected.copy_from(gradient.buffer());
    for (const std::size_t place : gradient.places(fortran)) {
        std::memset(expected.data() + place, 0, itemsize(dtype));
    }
    strided.zero(0, std::ptrdiff_t(elements_of(gradient.shape())));
    CHECK(gradient.buffer().begins(expected));
}

// Gradients of `dtype` beside parameters of the kernel's.
void compare(const Kernel& kernel, StridedArray& gradient, DType dtype, bool fortran) {
    fill(gradient.buffer(), dtype);
    const std::size_t elements = elements_of(gradient.shape());
    Buffer copy(elements * itemsize(kernel.dtype)), read(copy.size());
    copy_each(kernel, gradient, dtype, fortran, copy);
    const StridedGradient strided(gradient.view(dtype), fortran, kernel.dtype);
    CHECK(!strided.overlaps_itself());
    strided.read(kernel, 0, std::ptrdiff_t(elements), read.data());
    CHECK(read.begins(copy));
    expect_the_update(kernel, strided, copy);
    expect_zeros(strided, gradient, dtype, fortran);
}

// Shapes, and the orders in which their axes lie: around tiles, blocks of registers, and lines.
const std::vector<std::pair<Lengths, std::vector<std::vector<std::size_t>>>> layouts = {
    {{1}, {{0}}},
    {{37}, {{0}}},
    {{3, 5}, {{0, 1}, {1, 0}}},
    {{64, 64}, {{0, 1}, {1, 0}}},
    {{33, 130}, {{0, 1}, {1, 0}}},
    {{257, 31}, {{0, 1}, {1, 0}}},
    {{2, 20'000}, {{1, 0}}},
    {{20'000, 2}, {{1, 0}}},
    {{1, 17, 1}, {{2, 1, 0}}},
    {{5, 17, 9}, {{0, 1, 2}, {0, 2, 1}, {1, 0, 2}, {1, 2, 0}, {2, 0, 1}, {2, 1, 0}}},
    {{3, 4, 5, 6}, {{3, 1, 0, 2}, {1, 3, 2, 0}}},
};

long compare_all(const Kernel& kernel) {
    long compared = 0;
    for (const auto& [shape, orders] : layouts) {
        for (const auto& order : orders) {
            for (int dtype = 0; dtype < fastopt::dtype_count; ++dtype) {
                for (const int step : {1, 3, -1}) {
                    for (const bool fortran : {false, true}) {
                        StridedArray gradient(shape, order, step, itemsize(DType(dtype)));
                        compare(kernel, gradient, DType(dtype), fortran);
                        ++compared;
                    }
                }
            }
        }
    }
    return compared;
}

}  // namespace

void gradients() {
    long compared = 0;
    for (const fastopt::KernelTable* level : tables()) {
        for (int number = 0; number < level->count; ++number) {
            const Kernel& kernel = level->kernels[number];
            if (std::string(kernel.rule) == "adam") compared += compare_all(kernel);
        }
    }
    std::printf("gradients: %ld layouts gave the bits of contiguous copies\n", compared);
}

}  // namespace driver
