// A row of scalars: those of a stage, those of a rule, and in a slot of its own whether to fetch ahead;
// in both dtypes.
#pragma once
#include <algorithm>
#include <limits>
#include <stdexcept>
#include <string>

#include "kernels/kernel.hpp"

namespace fastopt {

struct ScalarRow {
    alignas(64) float float32[row_slots];
    alignas(64) double float64[row_slots];
    Stage stage;
    std::size_t of_stage, count;    // scalars; none where no parameter that takes this step uses it

    void clear() { count = 0; }
    void check_room(std::size_t given) const {
        if (count + given > most_scalars) {
            throw std::invalid_argument("a row has " + std::to_string(count + given) +
                                        " scalars, those of the stage and of the rule; at most " +
                                        std::to_string(most_scalars) + " fit");
        }
    }
    void append(double value) {
        float64[count] = value;
        float32[count++] = static_cast<float>(value);
    }
    // What has been appended so far is of the stage; what follows is of the rule.
    void end_stage() {
        of_stage = count;
        stage = stage_of(float64, of_stage);
    }
    void fetch_ahead(bool asked) {
        float64[count] = asked ? 1.0 : 0.0;
        float32[count] = asked ? 1.0f : 0.0f;
    }
    const void* of(DType dtype) const {
        return dtype == DType::float32 ? static_cast<const void*>(float32) : float64;
    }

private:
    static constexpr double infinity = std::numeric_limits<double>::infinity();
    static constexpr double changing_nothing[] = {1.0, infinity, 0.0, 1.0, 1.0};
    static constexpr int decay = 2;    // which of these is the coupled decay

    static Stage stage_of(const double* scalars, std::size_t count) {
        if (count == cautious_scalars) return Stage::cautious;
        if (count == l1_scalars) return Stage::l1;
        if (count == cautious_l1_scalars) return Stage::cautious_l1;
        if (count != decay_scalars) throw std::invalid_argument("no stage has that many scalars");
        if (std::equal(scalars, scalars + count, changing_nothing)) return Stage::bare;
        return scalars[decay] != 0.0 ? Stage::coupled : Stage::decoupled;
    }
};

}  // namespace fastopt
