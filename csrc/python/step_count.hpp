// What a plan reads of a fastopt.model.StepCount, and what it writes there: the count of steps, and what is
// carried from one to the next.
#pragma once
#include <pybind11/pybind11.h>

#include "python/gil.hpp"
#include "python/objects.hpp"
#include "python/scalar_tape.hpp"
#include "python/tuples.hpp"

namespace fastopt {

namespace py = pybind11;

class StepCount {
public:
    explicit StepCount(py::handle counted)
        : counted_(counted), group_(attribute(counted, names().group)) {}

    // The number of the step that comes.
    py::object next_step() const { return one_more(attribute(counted_, names().t)); }
    py::object stage_scalars() const { return attribute(group_, names().stage_scalars); }
    // Those of the rule, by the group's algorithm: from hyperparameters and the number of the step.
    py::object coefficients(py::handle step) const { return coefficients(step, py::object()); }
    // The same in a plan where some groups carry scalars: they are computed with an object of the type
    // `values`, whose attributes are carried on.
    py::object coefficients(py::handle step, py::handle values, py::object& pending) const {
        const py::object carried = attribute(counted_, names().carried), none = py::tuple();
        const int carries = PyObject_IsTrue(carried.ptr());
        if (carries < 0) throw py::error_already_set();
        if (carries) {
            const py::object next = checked(held_at_exit(
                [&] { return PyObject_Call(values.ptr(), none.ptr(), carried.ptr()); }));
            py::object found = coefficients(step, next);
            pending = attribute(next, names().dict);
            return found;
        }
        return coefficients(step);
    }
    // What computes all of that by itself, null where nothing does; and the scalars by it. False where Python
    // has to compute them.
    ScalarTape* tape() const { return ScalarTape::of(attribute(group_, names().tape).ptr()); }
    bool fill(ScalarTape& tape, ScalarRow& row, py::handle steps, py::handle t, py::object& pending) const {
        const py::object carried = tape.carries() ? attribute(counted_, names().carried) : py::object();
        return tape.fill(row, attribute(group_, names().computed), steps, t, carried, pending);
    }
    // Of the norm of each gradient.
    double limit() const {
        const py::object h = attribute(group_, names().computed);
        return limit_of(attribute(h, names().clipnorm));
    }
    static void count_step(py::handle counted, py::handle step) { set_attribute(counted, names().t, step); }
    static void carry(py::handle counted, py::handle pending) {
        set_attribute(counted, names().carried, pending);
    }
    // The same for what counts the steps of all.
    static py::object steps_after(py::handle steps) { return one_more(steps); }
    static void count(py::handle counter, py::handle steps) { set_attribute(counter, names().steps, steps); }
    // What was measured of the gradients.
    static void measured(py::handle counter, py::handle norm) {
        set_attribute(counter, names().grad_norm, norm);
        set_attribute(counter, names().report, py::none());
    }
    static py::object steps(py::handle counter) { return attribute(counter, names().steps); }
    // What all gradients have been multiplied by.
    static double scale(py::handle counter) {
        return number(attribute(attribute(counter, names().scale), names().value).ptr());
    }

private:
    py::object coefficients(py::handle step, const py::object& carried) const {
        const py::object function = attribute(group_, names().coefficients);
        const py::object h = attribute(group_, names().computed);
        PyObject* const given[] = {h.ptr(), step.ptr(), carried.ptr()};
        const std::size_t count = carried ? 3 : 2;
        return checked(held_at_exit(
            [&] { return PyObject_Vectorcall(function.ptr(), given, count, nullptr); }));
    }
    struct Names {
        PyObject* group = PyUnicode_InternFromString("group");
        PyObject* coefficients = PyUnicode_InternFromString("coefficients");
        PyObject* computed = PyUnicode_InternFromString("computed");
        PyObject* tape = PyUnicode_InternFromString("tape");
        PyObject* stage_scalars = PyUnicode_InternFromString("stage_scalars");
        PyObject* t = PyUnicode_InternFromString("t");
        PyObject* steps = PyUnicode_InternFromString("steps");
        PyObject* carried = PyUnicode_InternFromString("carried");
        PyObject* dict = PyUnicode_InternFromString("__dict__");
        PyObject* grad_norm = PyUnicode_InternFromString("grad_norm");
        PyObject* report = PyUnicode_InternFromString("report");
        PyObject* scale = PyUnicode_InternFromString("scale");
        PyObject* value = PyUnicode_InternFromString("value");
        PyObject* clipnorm = PyUnicode_InternFromString("clipnorm");
    };
    static const Names& names() {
        static const auto* const made = new Names;    // as long as the interpreter
        return *made;
    }
    static py::object one_more(py::handle number) {
        const long long count = PyLong_AsLongLong(number.ptr());
        if (count == -1 && PyErr_Occurred()) throw py::error_already_set();
        return checked(PyLong_FromLongLong(count + 1));
    }

    py::handle counted_;
    py::object group_;
};

}  // namespace fastopt
