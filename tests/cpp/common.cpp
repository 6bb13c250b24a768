// What every rule of a dtype has in common: sums over a block, and the operations on tiles. Bits as of one
// element at a time, and of sums as python/fastopt/numerics/sums.py says.
#include "buffer.hpp"
#include "given_scalars.hpp"
#include "levels.hpp"
#include "parts.hpp"

namespace driver {
namespace {

using fastopt::Common;
using fastopt::DType;
using fastopt::Kernel;
using fastopt::Scalars;

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

    constexpr int to_float16 = int(DType::float16), to_bfloat16 = int(DType::bfloat16);
    const bool ahead = n % 3 == 0;
    common.pull(p.data(), slow.data(), n, keep, take, ahead);
    common.average(average.data(), p.data(), n, keep, take, ahead);
    common.narrow[to_float16](half.data(), p.data(), n, ahead);
    common.narrow[to_bfloat16](brain.data(), p.data(), n, ahead);
    for (std::ptrdiff_t i = 0; i < n; ++i) {
        const std::size_t k = std::size_t(i) * item, k16 = std::size_t(i) * 2;
        one_by_one.pull(p_1.data() + k, slow_1.data() + k, 1, keep, take, false);
        one_by_one.average(average_1.data() + k, p_1.data() + k, 1, keep, take, false);
        one_by_one.narrow[to_float16](half_1.data() + k16, p_1.data() + k, 1, false);
        one_by_one.narrow[to_bfloat16](brain_1.data() + k16, p_1.data() + k, 1, false);
    }
    CHECK(p.begins(p_1) && slow.begins(slow_1) && average.begins(average_1));
    CHECK(half.begins(half_1) && brain.begins(brain_1));
}

// The parts of a stage before and after the rule, with scalars in the place of which those that change
// nothing come too.
void stages(const Kernel& kernel, const Common& one_by_one, std::ptrdiff_t n, const Scalars& scalars) {
    const std::size_t item = itemsize(kernel.dtype), bytes = std::size_t(n) * item;
    const std::size_t phase = std::size_t(n) * item % line;
    for (int stage = 0; stage < fastopt::stage_count; ++stage) {
        const Common::Around& around = kernel.common->around[stage];
        if (!around.before) continue;
        Numbers numbers(std::uint64_t(n) + 7);
        Buffer p(bytes, phase), g(bytes, phase), changed(bytes, phase), old(bytes, phase);
        for (Buffer* buffer : {&p, &g}) buffer->fill(kernel.dtype, numbers, -1.0, 1.0);
        Buffer p_1(bytes), g_1(bytes), changed_1(bytes), old_1(bytes);
        p_1.copy_from(p);
        g_1.copy_from(g);
        for (Buffer* buffer : {&old, &old_1}) std::memset(buffer->data(), 0, bytes);
        around.before(scalars, p.data(), g.data(), changed.data(), old.data(), n);
        around.after(scalars, p.data(), old.data(), n);
        const Common::Around& alone = one_by_one.around[stage];
        for (std::ptrdiff_t i = 0; i < n; ++i) {
            const std::size_t k = std::size_t(i) * item;
            alone.before(scalars, p_1.data() + k, g_1.data() + k, changed_1.data() + k,
                         old_1.data() + k, 1);
            alone.after(scalars, p_1.data() + k, old_1.data() + k, 1);
        }
        CHECK(p.begins(p_1) && g.begins(g_1) && changed.begins(changed_1) && old.begins(old_1));
    }
}

}  // namespace

void common() {
    const auto levels = tables();
    for (const fastopt::KernelTable* level : levels) {
        // The first kernel of each dtype stands for all of it.
        for (const int number : {0, level->count / 2}) {
            const Kernel& kernel = level->kernels[number];
            const GivenScalars scalars(kernel);
            const Scalars neutral{kernel.common->neutral, nullptr, 0};
            for (std::ptrdiff_t n = 0; n <= most; ++n) {
                sums(kernel, n);
                const Common& one_by_one = *levels.front()->kernels[number].common;
                elementwise(kernel, one_by_one, n);
                stages(kernel, one_by_one, n, n % 5 ? scalars.given(n % 2 == 0) : neutral);
            }
            for (const std::ptrdiff_t less : {33, 32, 1, 0}) sums(kernel, fastopt::reduce_block - less);
        }
    }
    std::printf("common: sums and tile operations had the same bits on %zu levels\n",
                levels.size());
}

}  // namespace driver
