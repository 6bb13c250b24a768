// A whole step in one call: rows of scalars, gradients, their norms, what follows from them, the pass over all
// arrays, and the commit. What can fail stands before the pass.
#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>
#include <stdexcept>

#include "python/leaves.hpp"
#include "python/numpy_plan.hpp"
#include "python/step_count.hpp"
#include "python/tuples.hpp"

namespace fastopt {
namespace {

// StepProgram of fastopt.backends, or None.
class Program {
public:
    explicit Program(py::handle given) {
        if (!given.is_none()) fields_.emplace(given, program_fields, "a program");
    }
    GradientForms forms() const { return fields_ ? forms_of((*fields_)[0]) : GradientForms{}; }
    double unscale(py::handle counter) const { return fields_ ? 1.0 / StepCount::scale(counter) : 1.0; }
    bool measures() const { return fields_ && fields_->flag(1); }
    double limit() const { return limit_of((*fields_)[2]); }
    bool limits() const { return fields_->flag(3); }
    py::handle carried() const { return fields_ ? (*fields_)[5] : py::none(); }

    bool decides() const { return fields_ && !(*fields_)[4].is_none(); }
    // How followers are updated, and what changes with the step; None where Python has to take it.
    py::object decision(py::handle steps, double largest) const {
        const py::float_ norm(largest);
        PyObject* const given[] = {steps.ptr(), norm.ptr()};
        PyObject* const found = held_at_exit(
            [&] { return PyObject_Vectorcall((*fields_)[4].ptr(), given, 2, nullptr); });
        if (!found) throw py::error_already_set();
        return py::reinterpret_steal<py::object>(found);
    }

private:
    std::optional<Fields> fields_;
};

// The gradients of a step, held until it ends, and the parameters as the caller has them now: the leaves of
// what is given and of what Parameters of fastopt.model watch, where these are built as their form says.
class Listed {
public:
    Listed(py::handle grads, py::handle parameters) {
        static PyObject* const form_name = PyUnicode_InternFromString("form");
        static PyObject* const watched_name = PyUnicode_InternFromString("watched");
        const py::object form = attribute(parameters, form_name);
        gradients_ = leaves_of(form.ptr(), grads.ptr());
        params_ = attribute(parameters, watched_name);
        if (PyCallable_Check(params_.ptr())) {
            params_ = checked(held_at_exit([this] { return PyObject_CallNoArgs(params_.ptr()); }));
        }
        if (gradients_ && !params_.is_none()) params_ = leaves_of(form.ptr(), params_.ptr());
    }
    explicit operator bool() const { return gradients_ && params_; }
    py::handle gradients() const { return gradients_; }
    py::handle params() const { return params_; }

private:
    py::object gradients_, params_;
};

// Whether there are any.
bool read_weights(py::handle given, double& keep, double& take) {
    if (given.is_none()) return false;
    const Fields fields(given, 2, "weights");
    keep = fields.number(0);
    take = fields.number(1);
    return true;
}

struct Norms {
    std::vector<double> each;
    double all, largest;
};

// As fastopt.step.norms computes them; nothing where squares leave the range.
std::optional<Norms> norms_of(std::vector<double> squares) {
    double total = 0.0, largest = 0.0;
    for (double& each : squares) {
        each = std::sqrt(each);
        if (!(each < 1e150)) return {};
        largest = std::max(largest, each);
        total += each * each;
    }
    return Norms{std::move(squares), std::sqrt(total), largest};
}

}  // namespace

// Gives each parameter whose gradient is too long a row of its own; returns the rows that all use, nothing
// where none is.
std::vector<int> NumpyPlan::clip_each(const std::vector<double>& norms, double unscale,
                                      const std::vector<double>& limits) {
    std::vector<int> row_of;
    for (std::size_t i = 0; i < norms.size(); ++i) {
        const auto row = std::size_t(plan_.assigned(i));
        const double norm = norms[i] * unscale;
        if (!(norm > limits[row])) continue;
        if (row_of.empty()) {
            for (std::size_t k = 0; k < norms.size(); ++k) row_of.push_back(plan_.assigned(k));
        }
        row_of[i] = plan_.copy_row(row);
        plan_.row(std::size_t(row_of[i])).scale(unscale * (limits[row] / norm));
    }
    return row_of;
}

BindResult NumpyPlan::step(py::handle grads, py::handle parameters, py::handle step_counts, int threads,
                           py::handle counter, py::handle given) {
    if (!PyList_Check(step_counts.ptr())) throw std::invalid_argument("step counts are in a list");
    const Program program(given);
    const py::handle values = program.carried();
    const py::ssize_t count = PyList_GET_SIZE(step_counts.ptr());
    plan_.resize_rows(std::size_t(count));
    counted_.clear();
    pending_.clear();
    const py::object before = StepCount::steps(counter);
    for (py::ssize_t r = 0; r < count; ++r) {
        const StepCount step_count(PyList_GET_ITEM(step_counts.ptr(), r));
        ScalarRow& row = plan_.row(std::size_t(r));
        counted_.push_back(step_count.next_step());
        const py::object& t = counted_.back();
        py::object& pending = pending_.emplace_back();
        if (ScalarTape* const tape = step_count.tape()) {
            if (!step_count.fill(*tape, row, before, t, pending)) return {BindResult::for_python};
            continue;
        }
        const py::object stage = step_count.stage_scalars();
        const py::object rule = values.is_none() ? step_count.coefficients(t)
                                                 : step_count.coefficients(t, values, pending);
        read(row, stage.ptr(), rule.ptr());
    }
    const py::object steps = StepCount::steps_after(before);
    const Listed listed(grads, parameters);
    if (!listed) return {BindResult::unlisted};
    const BindResult found = bind(listed.gradients(), listed.params(), false, program.forms());
    if (found.number != BindResult::bound) return found;
    double factor = program.unscale(counter), largest = 0.0;
    py::object norm;
    std::vector<int> row_of;
    if (program.measures()) {
        const std::optional<Norms> norms = norms_of(plan_.sums_of_squares(threads));
        if (!norms) return {BindResult::for_python};
        if (program.limits()) {
            std::vector<double> limits;
            for (const py::handle each : py::reinterpret_borrow<py::list>(step_counts)) {
                limits.push_back(StepCount(each).limit());
            }
            row_of = clip_each(norms->each, factor, limits);
        }
        const double all = norms->all * factor;
        largest = norms->largest * factor;
        if (all > program.limit()) factor *= program.limit() / all;
        norm = py::float_(all);
    }
    for (py::ssize_t r = 0; r < count && factor != 1.0; ++r) plan_.row(std::size_t(r)).scale(factor);
    Pass pass{.zero = program.forms().written,
              .backwards = program.measures(),
              .step = before.cast<std::uint64_t>()};
    py::object changes = py::tuple();
    if (program.decides()) {
        const py::object decision = program.decision(before, largest);
        if (decision.is_none()) return {BindResult::for_python};
        const Fields fields(decision, 3, "a decision");
        pass.pull = read_weights(fields[0], pass.pull_keep, pass.pull_take);
        pass.average = read_weights(fields[1], pass.keep, pass.take);
        changes = py::reinterpret_borrow<py::object>(fields[2]);
    }
    const Commit commit(changes);
    plan_.run(threads, pass, row_of);
    for (py::ssize_t r = 0; r < count; ++r) {
        PyObject* const counted = PyList_GET_ITEM(step_counts.ptr(), r);
        StepCount::count_step(counted, counted_[std::size_t(r)]);
        if (pending_[std::size_t(r)]) StepCount::carry(counted, pending_[std::size_t(r)]);
    }
    StepCount::count(counter, steps);
    if (norm) StepCount::measured(counter, norm);
    commit.apply();
    return found;
}

void NumpyPlan::read_rows(py::handle rows) {
    if (!PyList_Check(rows.ptr()) && !PyTuple_Check(rows.ptr())) {
        throw std::invalid_argument("rows are in a list or a tuple");
    }
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

std::vector<std::vector<double>> NumpyPlan::measure(py::handle rows, int threads, const std::vector<int>& row_of) {
    read_rows(rows);
    return plan_.measure(threads, row_of);
}

std::vector<double> NumpyPlan::agreements(py::handle rows, int threads, const std::vector<int>& row_of) {
    read_rows(rows);
    return plan_.agreements(threads, row_of);
}

void NumpyPlan::reduce(std::size_t which, py::handle rows, int threads, const std::vector<int>& row_of,
                       const py::list& into) {
    read_rows(rows);
    std::vector<std::vector<double*>> places;
    for (const py::handle arrays : into) {
        std::vector<double*>& each = places.emplace_back();
        for (const py::handle array : arrays) each.push_back(reinterpret_cast<double*>(NdArray(array.ptr()).data()));
    }
    plan_.reduce(which, threads, row_of, places);
}

std::vector<Sums> NumpyPlan::run_with_sums(py::handle rows, int threads, const Pass& pass,
                                           const Commit& commit, const std::vector<int>& row_of) {
    read_rows(rows);
    auto sums = plan_.run_with_sums(threads, pass, row_of);
    commit.apply();
    return sums;
}

}  // namespace fastopt
