// A row of scalars, those of a stage and those of a rule, in both dtypes.
#pragma once
#include <stdexcept>
#include <string>

#include "kernels/kernel.hpp"

namespace fastopt {

class ScalarRow {
public:
    Stage stage() const { return stage_; }
    std::size_t coefficients() const { return coefficients_; }
    // What is done that the step agrees with the gradient; 0: nothing.
    double agree() const { return float64_.stage[stage_scalars - 1]; }

    void begin(double number) {
        if (!(number >= 0.0 && number < stage_count)) {
            throw std::invalid_argument("a row has no stage of that number");
        }
        stage_ = Stage(int(number));
        coefficients_ = 0;
    }
    void set_stage(std::size_t place, double value) {
        float64_.stage[place] = value;
        float32_.stage[place] = static_cast<float>(value);
    }
    void append(double value) {
        if (coefficients_ == most_coefficients) {
            throw std::invalid_argument("a rule has more than " + std::to_string(most_coefficients) +
                                        " coefficients");
        }
        float64_.rule[coefficients_] = value;
        float32_.rule[coefficients_++] = static_cast<float>(value);
    }

    // Multiplies the scale of the gradient.
    void scale(double factor) {
        if (factor == 1.0) return;
        if (stage_ == Stage::bare) stage_ = Stage::decoupled;
        set_stage(0, float64_.stage[0] * factor);
    }

    Scalars of(DType dtype, bool ahead) const {
        if (dtype == DType::float32) return {float32_.stage, float32_.rule, ahead};
        return {float64_.stage, float64_.rule, ahead};
    }

private:
    template <class T> struct Of {
        alignas(64) T stage[stage_scalars];
        T rule[most_coefficients];
    };

    Of<float> float32_;
    Of<double> float64_;
    Stage stage_ = Stage::bare;
    std::size_t coefficients_ = 0;    // none where no parameter that takes this step uses it
};

}  // namespace fastopt
