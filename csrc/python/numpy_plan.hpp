// A plan of NumPy arrays: keeps them, looks whether they are as they were, and reads what each step is
// given.
#pragma once
#include <deque>
#include <string>
#include <utility>
#include <vector>

#include "plan/own_kernel.hpp"
#include "plan/plan.hpp"
#include "python/bound_array.hpp"
#include "python/commit.hpp"
#include "python/ndarray.hpp"

namespace fastopt {

// What a bind has found, as the number that Python sees.
struct BindResult {
    static constexpr std::ptrdiff_t bound = -1;
    static constexpr std::ptrdiff_t some_absent = -2;    // bound, but gradients that are None
    static constexpr std::ptrdiff_t for_python = -3;     // Python has to take the step
    static constexpr std::ptrdiff_t unlisted = -4;       // and to list gradients and parameters for it

    // Something is wrong with this parameter, the first one: what it is, Python finds out and says.
    static BindResult wrong(std::size_t parameter) { return {std::ptrdiff_t(parameter)}; }

    std::ptrdiff_t number;
};

class NumpyPlan {
public:
    // One entry for each parameter: `arrays` holds (parameter, state, ...), already checked by
    // fastopt.arrays; `rules` the name of its rule, or an OwnKernel; `rows` the row of scalars that it
    // is updated with.
    // Of the last states of each rule, so many as `spreads` says are given later, by attach_spreads; none if empty.
    // `stored` has StoredStreams of fastopt.backends, or None, for each parameter; none if all is as it is computed in.
    NumpyPlan(const py::list& arrays, const py::list& rules, const std::vector<int>& rows,
              const std::vector<std::size_t>& spreads, const py::list& stored);

    // Gives every parameter an array for its slow weights, one for the average, and one of 16 bits for
    // its copy, float16 or else bfloat16; each list may be None.
    void attach(const py::object& slow, const py::object& averages, const py::object& copies);

    // Says how much of the step each parameter takes: a list of pairs, scale and mask, each None or Entries
    // of fastopt.backends.
    void attach_portions(const py::list& portions);

    // Says what is measured of each parameter: what is run, as the constructor's rules, what is summed of each
    // result ("squares", "values" or nothing), the number of the state to which that for the parameter is written, -1
    // for none, and whether the parameter itself is weighed; None for those of which nothing is measured.
    void attach_directions(const py::list& directions);

    // Gives every parameter what broadcasts to it: a pair of the lengths of its axes in the order of memory, and of
    // pairs of an array and its steps along these; and what is reduced to their shapes: pairs of a rule and whether
    // the largest is wanted. None for those that have none.
    void attach_spreads(const py::list& spreads, const py::list& reductions);

    // Takes the gradients of the next step, and looks whether parameters and states are still those
    // that were bound; `params`, if not None, are the parameters as the caller's container has them
    // now.
    BindResult bind(py::handle gradients, py::handle params, bool overlap_checked,
                    const GradientForms& forms);

    // A whole step: computes the scalars of each step count, lists the leaves of gradients and of what is
    // watched of the Parameters of fastopt.model, binds, does what the program says (a StepProgram of
    // fastopt.backends, or None), and counts the step, for each of them and in `counter.steps`. Unless all
    // is bound, and nothing asks for Python, nothing has changed.
    BindResult step(py::handle grads, py::handle parameters, py::handle step_counts, int threads,
                    py::handle counter, py::handle program);

    // Gives a parameter, which has been bound to None, a gradient of some rows for the next step: their numbers in int64,
    // a row of values for each, and None or a bool for each row of the parameter, whether it is stepped in any case.
    void bind_rows(std::size_t parameter, py::handle indices, py::handle values, py::handle living);

    void assign(const std::vector<int>& rows) { plan_.assign(rows); }
    void flush_subnormals(bool asked) { plan_.flush_subnormals(asked); }
    std::vector<double> sums_of_squares(int threads) { return plan_.sums_of_squares(threads); }

    // Updates everything bound, then makes the commit. A row of scalars is a pair: those of the stage,
    // and the coefficients of the rule; or None where no parameter that takes this step uses it.
    // `row_of` is as in Plan.
    void run(py::handle rows, int threads, const Pass& pass, const Commit& commit,
             const std::vector<int>& row_of);
    std::vector<Sums> run_with_sums(py::handle rows, int threads, const Pass& pass, const Commit& commit,
                                    const std::vector<int>& row_of);
    // What the step with these rows would be, as Plan::measure has it.
    std::vector<std::vector<double>> measure(py::handle rows, int threads, const std::vector<int>& row_of);
    std::vector<double> agreements(py::handle rows, int threads, const std::vector<int>& row_of);

    // Reduces, as Plan::reduce has it, into arrays of doubles that lie as those that broadcast do: a list of them for
    // each parameter.
    void reduce(std::size_t which, py::handle rows, int threads, const std::vector<int>& row_of,
                const py::list& into);

private:
    bool bind_gradient(std::size_t parameter, PyObject* gradient, bool overlap_checked,
                       const GradientForms& forms);
    bool bind_tensor(std::size_t parameter, PyObject* gradient, bool overlap_checked,
                     const GradientForms& forms);
    void keep(py::handle array, std::size_t parameter);
    void arrange_owners();
    void read_rows(py::handle rows);
    std::vector<int> clip_each(const std::vector<double>& norms, double unscale,
                               const std::vector<double>& limits);

    const Stored* read_stored(py::handle given, DType dtype, std::size_t parameter);

    Plan plan_;
    std::deque<Stored> stored_;
    std::vector<PyObject*> parameters_;
    std::vector<py::object> kept_;    // all arrays that are written, and what may hold kernels
    std::deque<std::vector<std::ptrdiff_t>> shapes_;    // of what has another than its parameter
    // Those that a caller has: parameters, copies, scales and masks. Nobody has the arrays of states, averages and
    // slow weights but the optimizer, which gives views of them.
    std::vector<BoundArray> bound_;
    std::vector<Owner> owners_;    // of the memory of all that is written and a view, each once
    std::vector<py::object> counted_;    // the number of this step, for each step count
    std::vector<py::object> pending_;    // and what it carries on, where it carries anything
};

}  // namespace fastopt
