// Scalars of a stage and of a rule that keep every value small and in the range of the roots.
#pragma once
#include "buffer.hpp"

namespace driver {

class GivenScalars {
public:
    explicit GivenScalars(const fastopt::Kernel& kernel)
        : stage_(fastopt::stage_scalars * itemsize(kernel.dtype)),
          rule_(std::size_t(kernel.coefficients) * itemsize(kernel.dtype)) {
        Numbers numbers(11);
        stage_.fill(kernel.dtype, numbers, 0.3, 0.7);
        rule_.fill(kernel.dtype, numbers, 0.3, 0.7);
    }

    fastopt::Scalars given(bool ahead) const { return {stage_.data(), rule_.data(), ahead}; }

private:
    Buffer stage_, rule_;
};

}  // namespace driver
