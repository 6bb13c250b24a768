// Rows of scalars as they are drawn.
#pragma once
#include <vector>

#include "fuzz/random.hpp"
#include "plan/scalar_row.hpp"

namespace driver::fuzz {

using fastopt::Kernel;
using fastopt::Stage;

struct Row {
    Stage stage = Stage::bare;
    // Scale, limit, decay, keep, keep_after, shrink, slope, threshold, agree: of a stage that changes nothing.
    double scalars[fastopt::stage_scalars] = {
        1.0, std::numeric_limits<double>::infinity(), 0.0, 1.0, 1.0, 0.0, 0.0, 0.0, 0.0};
    std::vector<double> coefficients;
    double factor = 1.0;    // by which the scale is multiplied late

    static Row drawn(Random& random, const Kernel& kernel);
    // The same coefficients, and a stage that is what the factor makes of it; or none.
    Row scaled() const;
    Row bare() const { return {.coefficients = coefficients}; }
    void fill(fastopt::ScalarRow& row) const;
};

}  // namespace driver::fuzz
