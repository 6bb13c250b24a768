// The plan: steps over small and large arrays, on several threads, give the bits of one call of each part
// for each of them.
#include <cstdio>
#include <deque>
#include <string>
#include <vector>

#include "levels.hpp"
#include "parameter.hpp"
#include "parts.hpp"
#include "plan/bind.hpp"
#include "row.hpp"

namespace driver {
namespace {

using fastopt::ArrayView;
using fastopt::DType;
using fastopt::GradientForms;
using fastopt::Kernel;
using fastopt::Pass;
using fastopt::Plan;
using fastopt::Stage;

constexpr std::size_t sizes[] = {1, 0, 3, 200, 5'000, 200'000};
constexpr std::size_t absent = 2;    // whose gradient does not come
// Nothing but copies; an average, and zeros; and everything there is, backwards.
// zero, average, keep, take, pull, pull_keep, pull_take, backwards
constexpr Pass passes[] = {{false, false, 0.0, 0.0, false, 0.0, 0.0, false},
                           {true, true, 0.9, 0.1, false, 0.0, 0.0, false},
                           {true, true, 0.9, 0.1, true, 0.5, 0.5, true}};

int times_unlocked = 0;
void unlocked(void (*work)(void*) noexcept, void* context) {
    ++times_unlocked;
    work(context);
}

// An array of one axis, contiguous.
class Flat {
public:
    Flat(Buffer& buffer, DType dtype)
        : data_(buffer.data()),
          dtype_(dtype),
          stride_(std::ptrdiff_t(itemsize(dtype))),
          length_(std::ptrdiff_t(buffer.size()) / stride_) {}

    ArrayView view() const {
        return {.data = data_,
                .shape = {&length_, 1},
                .strides = &stride_,
                .dtype = dtype_,
                .c_contiguous = true,
                .f_contiguous = true,
                .aligned = true,
                .writeable = true};
    }

private:
    char* data_;
    DType dtype_;
    std::ptrdiff_t stride_, length_;
};

// A parameter with all that can follow it.
struct Followed : Parameter {
    Buffer g, slow, average, copy;

    Followed(const Kernel& kernel, std::size_t elements)
        : Parameter(kernel, elements),
          g(p.size()),
          slow(p.size()),
          average(p.size()),
          copy(elements * 2) {
        Numbers numbers(23);
        for (Buffer* buffer : {&g, &slow, &average}) buffer->fill(kernel.dtype, numbers, -1.0, 1.0);
        std::memset(copy.data(), 0, copy.size());
    }
    bool begins(const Followed& other) const {
        return Parameter::begins(other) && g.begins(other.g) && slow.begins(other.slow) &&
               average.begins(other.average) && copy.begins(other.copy);
    }
    // What a plan should do with it, in one call of each part.
    void expect(const Kernel& kernel, const fastopt::ScalarRow& row, const Pass& pass, bool present) {
        const auto n = std::ptrdiff_t(p.size() / itemsize(kernel.dtype));
        const fastopt::Common& common = *kernel.common;
        if (present) {
            update(kernel, row, g);
            if (pass.pull) {
                common.pull(p.data(), slow.data(), n, pass.pull_keep, pass.pull_take, false);
            }
            if (pass.zero) std::memset(g.data(), 0, g.size());
        }
        if (pass.average) common.average(average.data(), p.data(), n, pass.keep, pass.take, false);
        if (present) common.narrow[int(DType::bfloat16)](copy.data(), p.data(), n, false);
    }
};

void add(Plan& plan, const Kernel& kernel, std::deque<Followed>& parameters) {
    plan.reserve(parameters.size(), parameters.size());
    std::vector<char*> slow, averages, copies;
    for (Followed& parameter : parameters) {
        std::vector<Flat> arrays{{parameter.p, kernel.dtype}};
        for (const auto& state : parameter.states) arrays.emplace_back(*state, kernel.dtype);
        std::vector<ArrayView> views;
        for (const Flat& array : arrays) views.push_back(array.view());
        plan.add(views, kernel, 0);
        slow.push_back(parameter.slow.data());
        averages.push_back(parameter.average.data());
        copies.push_back(parameter.copy.data());
    }
    plan.cut();
    plan.attach_slow(slow);
    plan.attach_averages(averages);
    plan.attach_copies(copies, std::vector<DType>(parameters.size(), DType::bfloat16));
}

void take_steps(const Kernel& kernel, const Pass& pass, int threads, Stage stage) {
    std::deque<Followed> updated, expected;
    for (const std::size_t size : sizes) {
        updated.emplace_back(kernel, size);
        expected.emplace_back(kernel, size);
    }
    Plan plan(&unlocked);
    add(plan, kernel, updated);
    const GradientForms forms{.written = pass.zero, .cast = false};
    for (int step = 0; step < 3; ++step) {
        plan.resize_rows(1);
        fill_row(plan.row(0), kernel, stage);
        plan.begin_binding();
        for (std::size_t i = 0; i < plan.size(); ++i) {
            if (i == absent) {
                plan.bind_none(i);
            } else {
                CHECK(plan.bind(i, Flat(updated[i].g, kernel.dtype).view(), false, forms));
            }
        }
        CHECK(plan.gradients_are_apart());
        const std::vector<double> squares = plan.sums_of_squares(threads);
        CHECK(squares[absent] == 0.0);
        CHECK(squares[3] == kernel.common->sum_of_squares(updated[3].g.data(), sizes[3], false));
        if (step < 2) {
            plan.run(threads, pass, {});
        } else {
            const auto sums = plan.run_with_sums(threads, pass, {});
            CHECK(sums[absent].first == 0.0 && sums[3].first > 0.0 && sums[3].second > 0.0);
        }
        for (std::size_t i = 0; i < plan.size(); ++i) {
            expected[i].expect(kernel, plan.row(0), pass, i != absent);
            CHECK(updated[i].begins(expected[i]));
        }
    }
}

// What is written, or another gradient, is no gradient.
void refuses(const Kernel& kernel) {
    std::deque<Followed> parameters;
    for (int k = 0; k < 2; ++k) parameters.emplace_back(kernel, std::size_t(50));
    Plan plan;
    add(plan, kernel, parameters);
    plan.begin_binding();
    for (Buffer* written : {&parameters[0].p, &parameters[1].slow, parameters[0].states[0].get()}) {
        CHECK(!plan.bind(0, Flat(*written, kernel.dtype).view(), false, {}));
    }
    const GradientForms zeroed{.written = true, .cast = false};
    for (std::size_t i : {0u, 1u}) {
        CHECK(plan.bind(i, Flat(parameters[0].g, kernel.dtype).view(), false, zeroed));
    }
    CHECK(!plan.gradients_are_apart());
}

}  // namespace

void plan() {
    int plans = 0;
    for (const fastopt::KernelTable* level : tables()) {
        for (int number = 0; number < level->count; ++number) {
            const Kernel& kernel = level->kernels[number];
            if (std::string(kernel.rule) != "adam") continue;
            for (const Pass& pass : passes) {
                for (const int threads : {1, 2, 5}) {
                    for (int stage = 0; stage < fastopt::stage_count; ++stage) {
                        take_steps(kernel, pass, threads, Stage(stage));
                        ++plans;
                    }
                }
            }
            refuses(kernel);
        }
    }
    CHECK(times_unlocked > 0);
    std::printf("plan: %d plans gave the bits of one call of each part\n", plans);
}

}  // namespace driver
