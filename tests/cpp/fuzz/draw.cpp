// Draws sizes where something begins or ends: vectors, lines, tiles, blocks of sums, chunks.
#include "fuzz/draw.hpp"

#include <algorithm>
#include <utility>

#include "plan/partition.hpp"

namespace driver::fuzz {
namespace {

constexpr std::ptrdiff_t edges[] = {1, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 2048, 4096, 8192, 16384};

std::ptrdiff_t draw_length(Random& random, std::ptrdiff_t most) {
    if (random.one_in(12)) return random.below(2);
    if (random.one_in(2)) return 1 + random.below(most);
    return std::clamp(random.of(edges) + random.below(3) - 1, std::ptrdiff_t(1), most);
}

Lengths draw_shape(Random& random, std::ptrdiff_t most) {
    Lengths shape(std::size_t(random.below(5)));
    std::ptrdiff_t room = most;
    for (std::ptrdiff_t& length : shape) {
        length = draw_length(random, room);
        if (shape.size() > 1 && random.one_in(2)) length = std::min<std::ptrdiff_t>(length, 20);
        room /= std::max<std::ptrdiff_t>(length, 1);
    }
    random.shuffle(shape);
    return shape;
}

void fill(Random& random, DType dtype, const Memory& memory, bool wild, bool positive) {
    const std::size_t item = itemsize(dtype);
    for (std::size_t place = 0; place < memory.bytes(); place += item) {
        put(dtype, memory.data() + place, random.value(wild, positive));
    }
}

Subject draw_subject(Random& random, const Kernel& kernel, int number, Lengths shape) {
    const std::size_t item = itemsize(kernel.dtype);
    const auto elements = std::size_t(elements_of(shape));
    Subject subject{.number = number,
                    .dtype = kernel.dtype,
                    .copied = random.one_in(2) ? DType::float16 : DType::bfloat16,
                    .shape = std::move(shape),
                    .fortran = random.one_in(3),
                    .wild = random.one_in(3),
                    .p = {random, elements * item, item},
                    .states = {},
                    .slow = {random, elements * item, item},
                    .average = {random, elements * item, item},
                    .copy = {random, elements * 2, 2}};
    for (int s = 0; s < kernel.states; ++s) subject.states.emplace_back(random, elements * item, item);
    // What can be both lies in C order.
    subject.fortran &= !subject.view(subject.p, subject.layout()).c_contiguous;
    for (const Memory* memory : {&subject.p, &subject.slow, &subject.average}) {
        fill(random, kernel.dtype, *memory, subject.wild, false);
    }
    for (const Memory& state : subject.states) fill(random, kernel.dtype, state, subject.wild, true);
    fill(random, subject.copied, subject.copy, false, false);
    subject.scale = DrawnEntries::drawn(random, subject.shape, subject.fortran, item);
    subject.mask = DrawnEntries::drawn(random, subject.shape, subject.fortran, 1);
    draw_portion(random, subject);
    if (kernel.dtype == DType::float32 && random.one_in(3)) draw_storages(random, subject);
    return subject;
}

}  // namespace

void draw_portion(Random& random, Subject& subject) {
    const std::size_t item = itemsize(subject.dtype);
    for (std::ptrdiff_t k = 0; k < subject.scale.count; ++k) {
        const double some = random.one_in(2) ? random.between(0.0, 3.0) : double(random.below(2));
        put(subject.dtype, subject.scale.memory.data() + std::size_t(k) * item, some);
    }
    for (std::ptrdiff_t k = 0; k < subject.mask.count; ++k) {
        subject.mask.memory.data()[k] = char(random.below(2));
    }
}

std::vector<Subject> draw_subjects(Random& random, const fastopt::KernelTable& table) {
    const std::ptrdiff_t rules = 1 + random.below(3), kind = random.below(100);
    std::vector<int> numbers;    // of kernels; the second half of a table are those of float64
    while (std::ptrdiff_t(numbers.size()) < rules) {
        const auto number = int(random.below(table.count / 2));
        const Kernel& kernel = table.kernels[number];
        // No directions, which are run to be summed: what a rule copies stays subnormal or not, as it comes.
        if (kernel.fused[1] || !kernel.takes_stages()) numbers.push_back(number);
    }
    // Many small ones, some, a few large ones, or one beyond the caches.
    const std::ptrdiff_t count = kind < 30   ? random.below(41)
                                 : kind < 88 ? random.below(9)
                                             : 1 + random.below(3);
    const std::ptrdiff_t most = kind < 30 ? 300 : kind < 88 ? 6'000 : 20'000;
    std::vector<Subject> found;
    for (std::ptrdiff_t k = 0; k < count; ++k) {
        const int number = random.of(numbers) + int(random.below(2)) * (table.count / 2);
        const Kernel& kernel = table.kernels[number];
        const std::size_t bytes = itemsize(kernel.dtype) * std::size_t(kernel.states + 2);
        Lengths shape = draw_shape(random, most);
        if (kind >= 88 && (k == 0 || random.one_in(2))) {
            // Some chunks, and about a whole number of them: threads share them from 1 MiB on.
            const std::ptrdiff_t chunks = kind == 99 && k == 0 ? 97 : 1 + random.below(12);
            shape = {chunks * fastopt::longest_span(bytes) + random.below(9) - 4};
            if (random.one_in(2)) shape.insert(shape.begin(), 1 + random.below(70));
            if (shape.size() > 1) shape[1] = std::max<std::ptrdiff_t>(shape[1] / shape[0], 1);
            random.shuffle(shape);
        }
        found.push_back(draw_subject(random, kernel, number, std::move(shape)));
    }
    return found;
}

void draw_gradient(Random& random, Subject& subject, bool written) {
    std::optional<Gradient>& gradient = subject.gradient;
    if (random.one_in(6)) return gradient.reset();
    if (!gradient || (written && gradient->layout.repeats) || random.one_in(2)) {
        const DType dtype = random.one_in(3) ? DType(random.below(fastopt::dtype_count)) : subject.dtype;
        const std::size_t item = itemsize(dtype);
        Layout layout = Layout::contiguous(subject.shape, item, subject.fortran);
        if (random.one_in(2)) layout = Layout::drawn(random, subject.shape, item, !written);
        // Mostly aligned; what is not is read as bytes.
        Memory memory(random, layout.bytes, random.one_in(8) ? 1 : item);
        gradient.emplace(Gradient{dtype, std::move(layout), std::move(memory)});
    }
    for (const std::ptrdiff_t place : gradient->layout.places(false)) {
        put(gradient->dtype, gradient->at(place), random.value(subject.wild, false));
    }
}

fastopt::Pass draw_pass(Random& random) {
    const double taken = random.between(0.0, 1.0), pulled = random.one_in(4) ? 1.0 : 0.5;
    return {.zero = random.one_in(2),
            .average = random.one_in(2),
            .keep = 1.0 - taken,
            .take = taken,
            .pull = random.one_in(2),
            .pull_keep = 1.0 - pulled,
            .pull_take = pulled,
            .backwards = random.one_in(2),
            .step = random.bits() >> (random.one_in(2) ? 50 : 20)};
}

}  // namespace driver::fuzz
