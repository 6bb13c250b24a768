// Takes the steps of a round, and compares after each.
#include "fuzz/round.hpp"

#include <cstdio>

#include "fuzz/compare.hpp"
#include "fuzz/draw.hpp"
#include "fuzz/failure.hpp"
#include "fuzz/refused.hpp"
#include "fuzz/sums.hpp"
#include "levels.hpp"
#include "plan/bind.hpp"

namespace driver::fuzz {
namespace {

const std::vector<const fastopt::KernelTable*>& levels() {
    static const std::vector<const fastopt::KernelTable*> found = tables();
    return found;
}

void at_once(void (*work)(void*) noexcept, void* context) { work(context); }

}  // namespace

// Of four plans three use the highest level.
Round::Round(std::uint64_t seed)
    : random_(seed),
      level_(random_.one_in(4) ? *random_.of(levels()) : *levels().back()),
      other_level_(&level_ == levels().front() ? *levels().back() : *levels().front()),
      subjects_(draw_subjects(random_, level_)),
      plan_(random_.one_in(2) ? &at_once : nullptr) {
    draw_rows();
    add();
    asked_ = {.pass = {},
              .slow = random_.one_in(2),
              .averages = random_.one_in(2),
              .copies = random_.one_in(2),
              .flush = false};
    attached_at_ = int(random_.below(2));
}

// Up to three rows for each rule, in any order.
void Round::draw_rows() {
    if (random_.one_in(3)) rule_of_row_.push_back(-1);
    for (const Subject& subject : subjects_) {
        const int rule = subject.number % (level_.count / 2);
        if (std::ranges::find(rule_of_row_, rule) != rule_of_row_.end()) continue;
        rule_of_row_.insert(rule_of_row_.end(), std::size_t(1 + random_.below(3)), rule);
    }
    random_.shuffle(rule_of_row_);
}

std::vector<int> Round::draw_assignment() {
    std::vector<int> assignment;
    for (const Subject& subject : subjects_) {
        std::vector<int> fitting;
        for (std::size_t r = 0; r < rule_of_row_.size(); ++r) {
            if (rule_of_row_[r] == subject.number % (level_.count / 2)) fitting.push_back(int(r));
        }
        assignment.push_back(random_.of(fitting));
    }
    return assignment;
}

void Round::add() {
    const std::vector<int> assignment = draw_assignment();
    std::size_t axes = 0;
    for (const Subject& subject : subjects_) axes += subject.shape.size();
    plan_.reserve(subjects_.size(), axes);
    for (std::size_t i = 0; i < subjects_.size(); ++i) {
        Subject& subject = subjects_[i];
        const Layout layout = subject.layout();
        std::vector<fastopt::ArrayView> views{subject.view(subject.p, layout)};
        for (const Memory& state : subject.states) views.push_back(subject.view(state, layout));
        plan_.add(views, level_.kernels[subject.number], subject.assigned = assignment[i]);
    }
    plan_.cut();
}

void Round::attach() {
    std::vector<char*> slow, averages, copies;
    std::vector<DType> dtypes;
    for (const Subject& subject : subjects_) {
        slow.push_back(subject.slow.data());
        averages.push_back(subject.average.data());
        copies.push_back(subject.copy.data());
        dtypes.push_back(subject.copied);
    }
    if (asked_.slow) plan_.attach_slow(slow);
    if (asked_.averages) plan_.attach_averages(averages);
    if (asked_.copies) plan_.attach_copies(copies, dtypes);
}

void Round::draw_step() {
    asked_.pass = draw_pass(random_);
    plan_.flush_subnormals(asked_.flush = random_.one_in(3));
    rows_.clear();
    plan_.resize_rows(rule_of_row_.size());
    for (std::size_t r = 0; r < rule_of_row_.size(); ++r) {
        const int rule = rule_of_row_[r];
        rows_.push_back(rule < 0 ? Row{} : Row::drawn(random_, level_.kernels[rule]));
        rows_.back().fill(plan_.row(r));
    }
    for (Subject& subject : subjects_) draw_gradient(random_, subject, asked_.pass.zero);
}

void Round::bind() {
    const fastopt::GradientForms forms{.written = asked_.pass.zero, .cast = true, .bfloat16 = true};
    const bool checked = random_.one_in(8);
    plan_.begin_binding();
    for (std::size_t i = 0; i < subjects_.size(); ++i) {
        const std::optional<Gradient>& gradient = subjects_[i].gradient;
        if (!gradient) {
            plan_.bind_none(i);
        } else if (!plan_.bind(i, gradient->view(), checked, forms)) {
            fail("step %d: the gradient of parameter %zu is refused", step_, i);
        }
    }
    if (!plan_.gradients_are_apart()) fail("step %d: gradients are said to overlap", step_);
}

void Round::take_steps() {
    const int steps = 1 + int(random_.below(4));
    for (step_ = 0; step_ < steps; ++step_) {
        if (step_ == attached_at_) attach();
        draw_step();
        if (random_.one_in(3)) {
            const std::vector<int> assignment = draw_assignment();
            plan_.assign(assignment);
            for (std::size_t i = 0; i < subjects_.size(); ++i) subjects_[i].assigned = assignment[i];
        }
        const std::vector<int> row_of = random_.one_in(3) ? draw_assignment() : std::vector<int>();
        Asked asked = asked_;
        if (step_ < attached_at_) asked.slow = asked.averages = asked.copies = false;
        std::vector<Expected> expected;
        for (std::size_t i = 0; i < subjects_.size(); ++i) {
            const int row = row_of.empty() ? subjects_[i].assigned : row_of[i];
            expected.push_back(expect(random_, subjects_[i], rows_[std::size_t(row)], asked, other_level_));
        }
        // What is refused changes nothing of what is then compared.
        if (random_.one_in(3)) expect_refusal(random_, plan_, subjects_, asked);
        bind();
        if (random_.one_in(6)) expect_exception(random_, plan_, subjects_, asked.pass);
        run(expected, row_of);
    }
}

void Round::run(const std::vector<Expected>& expected, const std::vector<int>& row_of) {
    const int threads = 1 + int(random_.below(4));
    if (random_.one_in(2)) check_squares(expected, threads);
    std::vector<std::pair<double, double>> sums;
    const bool summed = random_.one_in(2);
    if (summed) {
        sums = plan_.run_with_sums(threads, asked_.pass, row_of);
    } else {
        plan_.run(threads, asked_.pass, row_of);
    }
    for (std::size_t i = 0; i < subjects_.size(); ++i) {
        const Subject& subject = subjects_[i];
        const Row& row = rows_[std::size_t(row_of.empty() ? subject.assigned : row_of[i])];
        char where[160];
        std::snprintf(where, sizeof where, "step %d, parameter %zu (%s, %s, %td elements, stage %s)", step_, i,
                      level_.kernels[subject.number].rule, fastopt::dtype_names[int(subject.dtype)],
                      subject.size(), fastopt::stage_names[int(row.stage)]);
        compare(subject, expected[i], where);
        if (!summed) continue;
        const auto& [update, weight] = expected[i].sums;
        if (!same_sum(sums[i].first, update) || !same_sum(sums[i].second, weight)) {
            fail("%s: sums are %.17g and %.17g, and should be %.17g and %.17g", where, sums[i].first,
                 sums[i].second, update, weight);
        }
    }
}

void Round::check_squares(const std::vector<Expected>& expected, int threads) {
    const std::vector<double> squares = plan_.sums_of_squares(threads);
    for (std::size_t i = 0; i < subjects_.size(); ++i) {
        if (same_sum(squares[i], expected[i].squares)) continue;
        fail("step %d: the squares of gradient %zu add up to %.17g, and should to %.17g", step_, i,
             squares[i], expected[i].squares);
    }
}

}  // namespace driver::fuzz
