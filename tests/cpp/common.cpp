// What every rule of a dtype has in common: sums over a block, the pull, the average, and the copies of
// 16 bits. Bits as of one element at a time, and of sums as python/fastopt/numerics/sums.py says.
#include "buffer.hpp"
#include "levels.hpp"
#include "parts.hpp"

namespace driver {
namespace {

using fastopt::Common;
using fastopt::DType;
using fastopt::Kernel;

constexpr std::ptrdiff_t most = 257;
constexpr double keep = 0.7, take = 0.3;

double value(const Buffer& buffer, DType dtype, std::ptrdiff_t i) {
    if (dtype == DType::float64) {
        double x;
        std::memcpy(&x, buffer.data() + i * 8, sizeof x);
        return x;
    }
    float x;
    std::memcpy(&x, buffer.data() + i * 4, sizeof x);
    return static_cast<double>(x);
}

// 32 lanes, each added from the left, and then added by halves.
double sum_by_lanes(const Buffer& a, const Buffer* b, DType dtype, std::ptrdiff_t n) {
    double lanes[32] = {};
    for (std::ptrdiff_t i = 0; i < n; ++i) {
        const double x = value(a, dtype, i) - (b ? value(*b, dtype, i) : 0.0);
        lanes[i % 32] += x * x;
    }
    for (int half = 16; half > 0; half /= 2) {
        for (int k = 0; k < half; ++k) lanes[k] += lanes[k + half];
    }
    return lanes[0];
}

void sums(const Kernel& kernel, std::ptrdiff_t n) {
    const std::size_t item = itemsize(kernel.dtype), bytes = std::size_t(n) * item;
    Numbers numbers(std::uint64_t(n) + 3);
    Buffer a(bytes, std::size_t(n) * item % line), b(bytes, item);
    a.fill(kernel.dtype, numbers, -3.0, 3.0);
    b.fill(kernel.dtype, numbers, -3.0, 3.0);
    const Common& common = *kernel.common;
    for (bool fetch_ahead : {false, true}) {
        const double sum = common.sum_of_squares(a.data(), n, fetch_ahead);
        CHECK(sum == sum_by_lanes(a, nullptr, kernel.dtype, n));
    }
    CHECK(common.sum_of_differences(a.data(), b.data(), n) == sum_by_lanes(a, &b, kernel.dtype, n));
}

void elementwise(const Kernel& kernel, const Common& one_by_one, std::ptrdiff_t n) {
    const std::size_t item = itemsize(kernel.dtype), bytes = std::size_t(n) * item;
    const std::size_t phase = std::size_t(n) * item % line;
    Numbers numbers(std::uint64_t(n) + 5);
    const Common& common = *kernel.common;
    Buffer p(bytes, phase), slow(bytes, phase), average(bytes, phase);
    for (Buffer* buffer : {&p, &slow, &average}) buffer->fill(kernel.dtype, numbers, -70000.0, 70000.0);
    Buffer p_1(bytes), slow_1(bytes), average_1(bytes);
    p_1.copy_from(p);
    slow_1.copy_from(slow);
    average_1.copy_from(average);
    Buffer half(std::size_t(n) * 2, phase), brain(std::size_t(n) * 2, phase);
    Buffer half_1(std::size_t(n) * 2), brain_1(std::size_t(n) * 2);

    common.pull(p.data(), slow.data(), n, keep, take);
    common.average(average.data(), p.data(), n, keep, take);
    common.to_float16(half.data(), p.data(), n);
    common.to_bfloat16(brain.data(), p.data(), n);
    for (std::ptrdiff_t i = 0; i < n; ++i) {
        const std::size_t k = std::size_t(i) * item, k16 = std::size_t(i) * 2;
        one_by_one.pull(p_1.data() + k, slow_1.data() + k, 1, keep, take);
        one_by_one.average(average_1.data() + k, p_1.data() + k, 1, keep, take);
        one_by_one.to_float16(half_1.data() + k16, p_1.data() + k, 1);
        one_by_one.to_bfloat16(brain_1.data() + k16, p_1.data() + k, 1);
    }
    CHECK(p.begins(p_1) && slow.begins(slow_1) && average.begins(average_1));
    CHECK(half.begins(half_1) && brain.begins(brain_1));
}

}  // namespace

void common() {
    const auto levels = tables();
    for (const fastopt::KernelTable* level : levels) {
        // The first kernel of each dtype stands for all of it.
        for (const int number : {0, level->count / 2}) {
            const Kernel& kernel = level->kernels[number];
            for (std::ptrdiff_t n = 0; n <= most; ++n) {
                sums(kernel, n);
                elementwise(kernel, *levels.front()->kernels[number].common, n);
            }
            for (const std::ptrdiff_t less : {33, 32, 1, 0}) sums(kernel, fastopt::reduce_block - less);
        }
    }
    std::printf("common: sums, pull, average and copies had the same bits on %zu levels\n",
                levels.size());
}

}  // namespace driver
