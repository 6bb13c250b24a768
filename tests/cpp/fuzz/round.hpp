// A round: a plan is drawn, and takes some steps.
#pragma once
#include <cstdint>
#include <vector>

#include "fuzz/expected.hpp"
#include "plan/plan.hpp"

namespace driver::fuzz {

class Round {
public:
    explicit Round(std::uint64_t seed);
    void take_steps();

private:
    void draw_rows();
    void add();
    void attach();
    std::vector<int> draw_assignment();
    void draw_step();
    void bind();
    void check_squares(const std::vector<Expected>& expected, int threads);
    void run(const std::vector<Expected>& expected, const std::vector<int>& row_of);

    Random random_;
    const fastopt::KernelTable& level_;
    const fastopt::KernelTable& other_level_;
    std::vector<Subject> subjects_;
    fastopt::Plan plan_;
    std::vector<int> rule_of_row_;    // a kernel's number; -1 of a row that no parameter uses
    std::vector<Row> rows_;
    Asked asked_{};
    int attached_at_ = 0, step_ = 0;
};

}  // namespace driver::fuzz
