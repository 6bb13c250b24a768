// The steps of a round: what is drawn for each, and whether it did what it should.
#include <algorithm>
#include <cstdio>

#include "fuzz/compare.hpp"
#include "fuzz/draw.hpp"
#include "fuzz/failure.hpp"
#include "fuzz/refused.hpp"
#include "fuzz/round.hpp"
#include "fuzz/sums.hpp"
#include "plan/bind.hpp"

namespace driver::fuzz {

void Round::draw_step() {
    asked_.pass = draw_pass(random_);
    // What is stored of a number that stays subnormal, or becomes 0, as the loop is made, is not told apart.
    const bool stored = std::ranges::any_of(subjects_, &Subject::is_stored);
    plan_.flush_subnormals(asked_.flush = random_.one_in(3) && !stored);
    rows_.clear();
    plan_.resize_rows(rule_of_row_.size());
    for (std::size_t r = 0; r < rule_of_row_.size(); ++r) {
        const int rule = rule_of_row_[r];
        rows_.push_back(rule < 0 ? Row{} : Row::drawn(random_, level_.kernels[rule]));
        rows_.back().fill(plan_.row(r));
    }
    for (Subject& subject : subjects_) {
        draw_gradient(random_, subject, asked_.pass.zero);
        draw_portion(random_, subject);
    }
}

void Round::bind() {
    const fastopt::GradientForms forms{.written = asked_.pass.zero, .cast = true};
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
        if (step_ < attached_at_) asked.slow = asked.averages = asked.copies = asked.portions = false;
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
        std::snprintf(where, sizeof where, "step %d, parameter %zu (%s, %s, %td elements, stage %s)",
                      step_, i, level_.kernels[subject.number].rule,
                      fastopt::dtype_names[int(subject.dtype)], subject.size(),
                      fastopt::stage_names[int(row.stage)]);
        compare(subject, expected[i], where, asked_.flush);
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
