// What a plan is given for a step, read of Python's objects: gradients, and the scalars of each row;
// and the step itself.
#include "plan/bind.hpp"

#include <algorithm>
#include <stdexcept>

#include "pool/fpenv.hpp"
#include "python/numpy_plan.hpp"
#include "python/step_count.hpp"

namespace fastopt {
namespace {

bool is_list_or_tuple(PyObject* object) { return PyList_Check(object) || PyTuple_Check(object); }

// Begins to fetch gradients that are looked at soon, and the lengths of what has come.
void fetch_ahead(PyObject* gradients, std::ptrdiff_t i, std::ptrdiff_t count) {
    PyObject* const later = PySequence_Fast_GET_ITEM(gradients, std::min(i + 16, count - 1));
    NdArray(later).fetch();
    PyObject* const soon = PySequence_Fast_GET_ITEM(gradients, std::min(i + 6, count - 1));
    if (NdArray::is_exact(soon)) NdArray(soon).fetch_lengths();
}

double number_in(PyObject* tuple, std::size_t place) {
    const double value = PyFloat_AsDouble(PyTuple_GET_ITEM(tuple, py::ssize_t(place)));
    if (value == -1.0 && PyErr_Occurred()) throw py::error_already_set();
    return value;
}

// A stage is its number and its scalars.
void read(ScalarRow& row, PyObject* stage, PyObject* rule) {
    if (!PyTuple_Check(stage) || !PyTuple_Check(rule)) {
        throw std::invalid_argument("the scalars of a row are in tuples");
    }
    if (PyTuple_GET_SIZE(stage) != py::ssize_t(1 + stage_scalars)) {
        throw std::invalid_argument("a stage has another number of scalars");
    }
    const FloatingPointEnvironment environment;    // they are rounded here
    row.begin(number_in(stage, 0));
    for (std::size_t i = 0; i < stage_scalars; ++i) row.set_stage(i, number_in(stage, i + 1));
    const auto count = std::size_t(PyTuple_GET_SIZE(rule));
    for (std::size_t i = 0; i < count; ++i) row.append(number_in(rule, i));
}

}  // namespace

BindResult NumpyPlan::bind(py::handle gradients, py::handle params, bool overlap_checked,
                           const GradientForms& forms) {
    PyObject* const given = gradients.ptr();
    PyObject* const now = params.is_none() ? nullptr : params.ptr();
    if (!is_list_or_tuple(given) || (now && !is_list_or_tuple(now))) {
        throw std::invalid_argument("a plan takes gradients and parameters in a list or a tuple");
    }
    const auto count = std::ptrdiff_t(parameters_.size());
    if (PySequence_Fast_GET_SIZE(given) != count || (now && PySequence_Fast_GET_SIZE(now) != count)) {
        throw std::invalid_argument("a plan needs as many gradients as it has parameters");
    }
    plan_.begin_binding();
    bool all = true;
    if (const auto* changed = first_changed(bound_)) return BindResult::wrong(changed->parameter());
    if (const auto* changed = first_changed(owners_)) return BindResult::wrong(changed->parameter());
    for (std::ptrdiff_t i = 0; i < count; ++i) {
        const auto parameter = std::size_t(i);
        fetch_ahead(given, i, count);
        if (now && PySequence_Fast_GET_ITEM(now, i) != parameters_[parameter]) {
            return BindResult::wrong(parameter);
        }
        PyObject* const gradient = PySequence_Fast_GET_ITEM(given, i);
        if (gradient == Py_None) {
            plan_.bind_none(parameter);
            all = false;
        } else if (!bind_gradient(parameter, gradient, overlap_checked, forms)) {
            return BindResult::wrong(parameter);
        }
    }
    if (forms.written && !overlap_checked && !plan_.gradients_are_apart()) {
        return BindResult::wrong(0);    // Python finds out which
    }
    return {all ? BindResult::bound : BindResult::some_absent};
}

bool NumpyPlan::bind_gradient(std::size_t parameter, PyObject* gradient, bool overlap_checked,
                              const GradientForms& forms) {
    if (!NdArray::is_exact(gradient)) return false;
    const NdArray g(gradient);
    const auto dtype = forms.cast ? g.any_float(forms.bfloat16) : g.dtype();
    if (!dtype || !g.has_shape(plan_.shape(parameter))) return false;
    if (!forms.cast && dtype != plan_.dtype(parameter)) return false;
    return plan_.bind(parameter, g.view(*dtype), overlap_checked, forms);
}

BindResult NumpyPlan::step(py::handle gradients, py::handle params, py::handle step_counts,
                           py::handle coefficients, int threads, py::handle counter) {
    if (!PyList_Check(step_counts.ptr())) throw std::invalid_argument("step counts are in a list");
    const py::ssize_t count = PyList_GET_SIZE(step_counts.ptr());
    plan_.resize_rows(std::size_t(count));
    counted_.clear();
    for (py::ssize_t r = 0; r < count; ++r) {
        const StepCount step_count(PyList_GET_ITEM(step_counts.ptr(), r));
        counted_.push_back(step_count.next_step());
        const py::object stage = step_count.stage_scalars();
        const py::object rule = step_count.coefficients(coefficients, counted_.back());
        read(plan_.row(std::size_t(r)), stage.ptr(), rule.ptr());
    }
    const py::object steps = StepCount::steps_after(counter);
    const BindResult found = bind(gradients, params, false, {});
    if (found.number != BindResult::bound) return found;
    plan_.run(threads, {}, {});
    for (py::ssize_t r = 0; r < count; ++r) {
        StepCount::count_step(PyList_GET_ITEM(step_counts.ptr(), r), counted_[std::size_t(r)]);
    }
    StepCount::count(counter, steps);
    return found;
}

void NumpyPlan::read_rows(py::handle rows) {
    if (!is_list_or_tuple(rows.ptr())) throw std::invalid_argument("rows are in a list or a tuple");
    const py::ssize_t count = PySequence_Fast_GET_SIZE(rows.ptr());
    plan_.resize_rows(std::size_t(count));
    for (py::ssize_t r = 0; r < count; ++r) {
        ScalarRow& row = plan_.row(std::size_t(r));
        row.begin(0.0);
        PyObject* const pair = PySequence_Fast_GET_ITEM(rows.ptr(), r);
        if (pair == Py_None) continue;
        if (!PyTuple_Check(pair) || PyTuple_GET_SIZE(pair) != 2) {
            throw std::invalid_argument("a row is a pair");
        }
        read(row, PyTuple_GET_ITEM(pair, 0), PyTuple_GET_ITEM(pair, 1));
    }
}

void NumpyPlan::run(py::handle rows, int threads, const Pass& pass, const Commit& commit,
                    const std::vector<int>& row_of) {
    read_rows(rows);
    plan_.run(threads, pass, row_of);
    commit.apply();
}

std::vector<std::pair<double, double>> NumpyPlan::run_with_sums(py::handle rows, int threads,
                                                                const Pass& pass, const Commit& commit,
                                                                const std::vector<int>& row_of) {
    read_rows(rows);
    auto sums = plan_.run_with_sums(threads, pass, row_of);
    commit.apply();
    return sums;
}

}  // namespace fastopt
