// What a plan must refuse, and nothing else than that.
#pragma once
#include <vector>

#include "fuzz/expected.hpp"
#include "plan/plan.hpp"

namespace driver::fuzz {

using Subjects = std::vector<Subject>;

// Gives the plan gradients of which it is drawn whether they overlap with what is written, with each other,
// or with themselves; none of them is read.
void expect_refusal(Random& random, fastopt::Plan& plan, const Subjects& subjects, const Asked& asked);

// Asks for a step with a row that is not there, or that does not fit, when gradients are bound. The rows stay
// as they are.
void expect_exception(Random& random, fastopt::Plan& plan, const Subjects& subjects,
                      const fastopt::Pass& pass);

// Offers another plan a parameter whose states are too many, or whose last one does not fit it.
void expect_no_parameter(Random& random, const Kernel& kernel, std::vector<ArrayView> arrays);

}  // namespace driver::fuzz
