// The calls that every small step makes, without the conversions of a bound function: those would take
// longer than the step.
#pragma once
#include "python/numpy_plan.hpp"

namespace fastopt {

// Plan.step(grads, parameters, counts, threads, counter, program), power(base, exponent) and others, by
// position alone.
void add_fast_calls(py::module_& module, py::class_<NumpyPlan>& plan);

}  // namespace fastopt
