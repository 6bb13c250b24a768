// A row of scalars for a plan.
#pragma once
#include <limits>

#include "plan/scalar_row.hpp"

namespace driver {

inline void fill_row(fastopt::ScalarRow& row, const fastopt::Kernel& kernel, fastopt::Stage stage) {
    constexpr double infinity = std::numeric_limits<double>::infinity();
    row.begin(double(int(stage)));
    std::size_t place = 0;
    const bool bare = stage == fastopt::Stage::bare;
    // scale, limit, decay, keep, keep_after, shrink, slope, threshold, agree
    for (const double x : {bare ? 1.0 : 0.5, infinity, 0.1, bare ? 1.0 : 0.9, 1.0, 0.1, 0.2, 0.01, 0.0}) {
        row.set_stage(place++, x);
    }
    for (int k = 0; k < kernel.coefficients; ++k) row.append(0.25 + 0.05 * k);
}

}  // namespace driver
