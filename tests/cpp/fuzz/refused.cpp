// Gradients beside others' memory, a byte this side of it or that, and rows that do not fit.
#include "fuzz/refused.hpp"

#include <stdexcept>

#include "fuzz/failure.hpp"
#include "plan/bind.hpp"

namespace driver::fuzz {
namespace {

using fastopt::GradientForms;
using fastopt::Plan;

constexpr GradientForms read{.written = false, .cast = true};
constexpr GradientForms written{.written = true, .cast = true};

void expect_that(bool so, const char* what) {
    if (!so) fail("a plan takes, or refuses, what it should not: %s", what);
}

bool overlap(const char* a, std::size_t bytes_of_a, const char* b, std::size_t bytes_of_b) {
    return a < b + bytes_of_b && b < a + bytes_of_a && bytes_of_a > 0 && bytes_of_b > 0;
}

std::vector<const Memory*> all_written(const Subjects& subjects, const Asked& asked) {
    std::vector<const Memory*> found;
    for (const Subject& subject : subjects) {
        found.push_back(&subject.p);
        for (const Memory& state : subject.states) found.push_back(&state);
        for (const Memory& each : subject.beside) {
            if (each.block()) found.push_back(&each);
        }
        if (asked.slow) found.push_back(&subject.slow);
        if (asked.averages) found.push_back(&subject.average);
        if (asked.copies) found.push_back(&subject.copy);
        if (asked.portions && subject.scale.count) found.push_back(&subject.scale.memory);
        if (asked.portions && subject.mask.count) found.push_back(&subject.mask.memory);
    }
    return found;
}

// A gradient that ends, begins or lies somewhere about an array that is written.
void beside_what_is_written(Random& random, Plan& plan, const Subject& subject, std::size_t number,
                            const std::vector<const Memory*>& all) {
    const std::size_t item = itemsize(subject.dtype);
    const Layout layout = random.one_in(2) ? Layout::drawn(random, subject.shape, item, true)
                                           : Layout::contiguous(subject.shape, item, subject.fortran);
    const Memory& array = *random.of(all);
    const auto mine = std::ptrdiff_t(layout.bytes), others = std::ptrdiff_t(array.bytes());
    const std::ptrdiff_t offsets[] = {-mine, 1 - mine, 0, others - 1, others, random.below(others + 1)};
    char* const at = array.data() + random.of(offsets);
    bool overlaps = false;
    for (const Memory* memory : all) overlaps |= overlap(at, layout.bytes, memory->data(), memory->bytes());
    expect_that(plan.bind(number, layout.view(at, subject.dtype), false, read) == !overlaps,
                "a gradient beside an array that is written");
}

// A gradient that is to be zeroed: it may not be written, or has one place for two elements.
void not_to_be_zeroed(Random& random, Plan& plan, const Subject& subject, std::size_t number) {
    const std::size_t item = itemsize(subject.dtype);
    Layout layout = Layout::contiguous(subject.shape, item, subject.fortran);
    const Memory memory(random, layout.bytes, item);
    expect_that(!plan.bind(number, layout.view(memory.data(), subject.dtype, false), false, written),
                "a gradient that cannot be zeroed");
    expect_that(plan.bind(number, layout.view(memory.data(), subject.dtype), false, written),
                "a gradient that can be zeroed");
    for (std::size_t k = 0; k < subject.shape.size(); ++k) {
        if (subject.shape[k] == 1) continue;
        layout.strides[k] = random.one_in(2) ? 0 : std::ptrdiff_t(item) / 2;
        expect_that(!plan.bind(number, layout.view(memory.data(), subject.dtype), false, written),
                    "a gradient that overlaps itself");
        return;
    }
}

// Two gradients that are to be zeroed, in one memory.
void beside_each_other(Random& random, Plan& plan, const Subjects& subjects, std::size_t a, std::size_t b) {
    const std::size_t item_a = itemsize(subjects[a].dtype), item_b = itemsize(subjects[b].dtype);
    const Layout layout_a = Layout::contiguous(subjects[a].shape, item_a, subjects[a].fortran);
    const Layout layout_b = Layout::drawn(random, subjects[b].shape, item_b, false);
    const Memory memory(random, layout_a.bytes + layout_b.bytes, item_a);
    const auto most = std::ptrdiff_t(layout_a.bytes);
    const std::ptrdiff_t offsets[] = {0, most - 1, most, random.below(most + 1)};
    char *const at_a = memory.data(), *const at_b = memory.data() + random.of(offsets);
    plan.begin_binding();
    expect_that(plan.bind(a, layout_a.view(at_a, subjects[a].dtype), false, written), "a gradient");
    expect_that(plan.bind(b, layout_b.view(at_b, subjects[b].dtype), false, written), "another gradient");
    expect_that(plan.gradients_are_apart() == !overlap(at_a, layout_a.bytes, at_b, layout_b.bytes),
                "two gradients that are zeroed, and overlap or not");
}

template <class Work> void expect_throw(Work work, const char* what) {
    try {
        work();
    } catch (const std::logic_error&) {    // std::invalid_argument or std::out_of_range
        return;
    }
    fail("there is no exception: %s", what);
}

}  // namespace

void expect_refusal(Random& random, Plan& plan, const Subjects& subjects, const Asked& asked) {
    std::vector<std::size_t> any;    // of which a gradient has elements
    for (std::size_t i = 0; i < subjects.size(); ++i) {
        if (subjects[i].size() > 0) any.push_back(i);
    }
    if (any.empty()) return;
    const std::size_t a = random.of(any), b = random.of(any);
    plan.begin_binding();
    beside_what_is_written(random, plan, subjects[a], a, all_written(subjects, asked));
    not_to_be_zeroed(random, plan, subjects[a], a);
    if (a != b) beside_each_other(random, plan, subjects, a, b);
}

void expect_no_parameter(Random& random, const Kernel& kernel, std::vector<ArrayView> arrays) {
    constexpr std::ptrdiff_t other_length = 12'345;
    ArrayView& last = arrays.back();
    switch (kernel.states > 0 ? random.below(4) : 3) {
        case 0: last.dtype = last.dtype == DType::float32 ? DType::float64 : DType::float32; break;
        case 1: last.shape = {&other_length, 1}; break;
        case 2: last.c_contiguous = last.f_contiguous = false; break;
        default: arrays.push_back(arrays.back());
    }
    Plan plan;
    plan.reserve(1, 4);
    expect_throw([&] { plan.add(arrays, kernel, 0); }, "a state that does not fit");
}

void expect_exception(Random& random, Plan& plan, const Subjects& subjects, const fastopt::Pass& pass) {
    for (const Subject& subject : subjects) {
        if (!subject.gradient) continue;
        std::vector<int> row_of;
        for (const Subject& each : subjects) row_of.push_back(each.assigned);
        row_of[std::size_t(&subject - subjects.data())] = random.one_in(2) ? 1000 : -1;
        expect_throw([&] { plan.run(1, pass, row_of); }, "a row that is not there");
        row_of.pop_back();    // and none at all are those assigned
        if (!row_of.empty()) expect_throw([&] { plan.run_with_sums(1, pass, row_of); }, "too few rows");
        fastopt::ScalarRow& row = plan.row(std::size_t(subject.assigned));
        const fastopt::ScalarRow before = row;
        row.append(1.0);
        expect_throw([&] { plan.run(1, pass, {}); }, "a coefficient too many");
        row = before;
        return;
    }
}

}  // namespace driver::fuzz
