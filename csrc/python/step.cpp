// A whole step in one call: rows of scalars, gradients, their norm, what follows from it, the pass over all
// arrays, and the commit. What can fail stands before the pass.
#include <algorithm>
#include <cmath>
#include <stdexcept>

#include "python/numpy_plan.hpp"
#include "python/rows.hpp"
#include "python/step_count.hpp"

namespace fastopt {
namespace {

bool is_true(PyObject* object) { return object == Py_True; }

// StepProgram of fastopt.backends, whose fields stand in this order.
class Program {
public:
    explicit Program(py::handle given) : given_(given.is_none() ? nullptr : given.ptr()) {
        if (given_ && (!PyTuple_Check(given_) || PyTuple_GET_SIZE(given_) != 6)) {
            throw std::invalid_argument("a program is a tuple of 6");
        }
    }
    GradientForms forms() const {
        GradientForms found{};
        found.written = given_ && is_true(field(0));
        return found;
    }
    bool clips() const { return given_ && field(1) != Py_None; }
    double limit() const { return number_in(given_, 1); }
    double unscale() const { return given_ ? number_in(given_, 2) : 1.0; }
    py::handle carried() const { return given_ ? field(5) : Py_None; }

    // What the pass does besides, and what changes with it; false where Python has to take the step.
    bool follow(py::handle steps, Pass& pass, py::object& changes) const {
        changes = py::tuple();
        if (!given_) return true;
        py::object extras = py::reinterpret_borrow<py::object>(field(3));
        if (field(4) != Py_None) {
            PyObject* const argument[] = {steps.ptr()};
            PyObject* const found = held_at_exit(
                [&] { return PyObject_Vectorcall(field(4), argument, 1, nullptr); });
            if (!found) throw py::error_already_set();
            const auto pair = py::reinterpret_steal<py::object>(found);
            if (pair.is_none()) return false;
            extras = pair[py::int_(0)];
            changes = pair[py::int_(1)];
        }
        PyObject* const fields = extras.ptr();
        if (!PyTuple_Check(fields) || PyTuple_GET_SIZE(fields) != 8) {
            throw std::invalid_argument("a pass is a tuple of 8");
        }
        const auto flag = [fields](py::ssize_t k) { return is_true(PyTuple_GET_ITEM(fields, k)); };
        pass = {flag(0), flag(1), number_in(fields, 2), number_in(fields, 3),
                flag(4), number_in(fields, 5), number_in(fields, 6), flag(7)};
        return true;
    }

private:
    PyObject* field(py::ssize_t k) const { return PyTuple_GET_ITEM(given_, k); }

    PyObject* given_;
};

// The norm of all gradients together, as fastopt.step.norms computes it; false where squares leave the
// range.
bool norm_of(const std::vector<double>& squares, double& norm) {
    double total = 0.0, largest = 0.0;
    for (const double square : squares) {
        const double own = std::sqrt(square);
        if (!(own < 1e150)) return false;
        largest = std::max(largest, own);
        total += own * own;
    }
    norm = largest > 0.0 ? std::sqrt(total) : 0.0;
    return true;
}

}  // namespace

BindResult NumpyPlan::step(py::handle gradients, py::handle params, py::handle step_counts,
                           py::handle coefficients, int threads, py::handle counter,
                           py::handle given) {
    if (!PyList_Check(step_counts.ptr())) throw std::invalid_argument("step counts are in a list");
    const Program program(given);
    const py::handle values = program.carried();
    const py::ssize_t count = PyList_GET_SIZE(step_counts.ptr());
    plan_.resize_rows(std::size_t(count));
    counted_.clear();
    pending_.clear();
    for (py::ssize_t r = 0; r < count; ++r) {
        const StepCount step_count(PyList_GET_ITEM(step_counts.ptr(), r));
        counted_.push_back(step_count.next_step());
        const py::object stage = step_count.stage_scalars();
        py::object rule;
        if (values.is_none()) {
            rule = step_count.coefficients(coefficients, counted_.back());
        } else {
            pending_.emplace_back();
            rule = step_count.coefficients(coefficients, counted_.back(), values, pending_.back());
        }
        read(plan_.row(std::size_t(r)), stage.ptr(), rule.ptr());
    }
    const py::object steps = StepCount::steps_after(counter);
    const BindResult found = bind(gradients, params, false, program.forms());
    if (found.number != BindResult::bound) return found;
    double factor = program.unscale();
    py::object norm;
    if (program.clips()) {
        double all;
        if (!norm_of(plan_.sums_of_squares(threads), all)) return {BindResult::for_python};
        all *= factor;
        if (all > program.limit()) factor *= program.limit() / all;
        norm = py::float_(all);
    }
    for (py::ssize_t r = 0; r < count && factor != 1.0; ++r) plan_.row(std::size_t(r)).scale(factor);
    Pass pass{};
    py::object changes;
    if (!program.follow(StepCount::steps(counter), pass, changes)) return {BindResult::for_python};
    const Commit commit(changes);
    plan_.run(threads, pass, {});
    for (py::ssize_t r = 0; r < count; ++r) {
        PyObject* const counted = PyList_GET_ITEM(step_counts.ptr(), r);
        StepCount::count_step(counted, counted_[std::size_t(r)]);
        if (!pending_.empty()) StepCount::carry(counted, pending_[std::size_t(r)]);
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

std::vector<std::pair<double, double>> NumpyPlan::run_with_sums(py::handle rows, int threads,
                                                                const Pass& pass, const Commit& commit,
                                                                const std::vector<int>& row_of) {
    read_rows(rows);
    auto sums = plan_.run_with_sums(threads, pass, row_of);
    commit.apply();
    return sums;
}

}  // namespace fastopt
