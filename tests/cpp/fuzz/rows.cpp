// Rows of scalars: any stage, and coefficients that a rule can do something with.
#include "fuzz/rows.hpp"

namespace driver::fuzz {

Row Row::drawn(Random& random, const Kernel& kernel) {
    Row row;
    for (int k = 0; k < kernel.coefficients; ++k) {
        constexpr double ends[] = {0.0, 1.0, 1e-8, -0.5, 3.0};
        row.coefficients.push_back(random.one_in(6) ? random.of(ends) : random.between(0.05, 0.95));
    }
    if (!kernel.takes_stages()) return row;
    row.stage = Stage(random.below(fastopt::stage_count));
    if (row.stage != Stage::bare) {
        const auto maybe = [&](std::size_t k, double low, double high) {
            if (random.one_in(2)) row.scalars[k] = random.between(low, high);
        };
        maybe(0, 0.1, 2.0);
        maybe(1, 0.1, 3.0);
        for (const std::size_t k : {3u, 4u}) maybe(k, 0.9, 1.0);
        for (const std::size_t k : {2u, 5u, 6u, 7u}) maybe(k, 0.0, 0.3);
    }
    if (random.one_in(4)) row.scalars[8] = random.one_in(2) ? -1.0 : random.between(1.0, 3.0);
    if (random.one_in(5)) row.factor = random.between(0.1, 1.0);
    return row;
}

Row Row::scaled() const {
    Row row = *this;
    if (factor != 1.0) {
        if (stage == Stage::bare) row.stage = Stage::decoupled;
        row.scalars[0] *= factor;
        row.factor = 1.0;
    }
    return row;
}

void Row::fill(fastopt::ScalarRow& row) const {
    row.begin(double(int(stage)));
    for (std::size_t k = 0; k < fastopt::stage_scalars; ++k) row.set_stage(k, scalars[k]);
    for (const double x : coefficients) row.append(x);
    row.scale(factor);
}

}  // namespace driver::fuzz
