// The plan of a round: its parameters, its rows, what follows.
#include "fuzz/round.hpp"

#include <algorithm>

#include "fuzz/draw.hpp"
#include "fuzz/refused.hpp"
#include "levels.hpp"

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
              .slow = !random_.one_in(3),
              .averages = !random_.one_in(3),
              .copies = !random_.one_in(3),
              .portions = random_.one_in(3),
              .flush = false};
    attached_at_ = random_.one_in(4) ? 1 : 0;
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
        if (!subject.is_stored && random_.one_in(20)) expect_no_parameter(random_, level_.kernels[subject.number], views);
        plan_.add(views, level_.kernels[subject.number], subject.assigned = assignment[i], 0,
                  subject.is_stored ? &subject.stored : nullptr);
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
    if (!asked_.portions) return;
    std::vector<fastopt::Portion> portions;
    for (const Subject& subject : subjects_) {
        portions.push_back({subject.scale.entries(), subject.mask.entries()});
    }
    plan_.attach_portions(portions);
}

}  // namespace driver::fuzz
