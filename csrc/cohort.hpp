// What a plan reads of a fastopt.cohorts.Cohort, and the one thing that it writes there.
#pragma once
#include <pybind11/pybind11.h>

namespace fastopt {

namespace py = pybind11;

class Cohort {
public:
    explicit Cohort(py::handle cohort) : cohort_(cohort), group_(attribute(cohort, names().group)) {}

    // The number of the step that comes.
    py::object next_step() const {
        return py::reinterpret_steal<py::object>(
            PyLong_FromLongLong(PyLong_AsLongLong(attribute(cohort_, names().t).ptr()) + 1));
    }
    py::object stage_scalars() const { return attribute(group_, names().stage_scalars); }
    // Those of the algorithm's rule, from the group's hyperparameters and the number of the step.
    py::object coefficients(py::handle function, py::handle step) const {
        const py::object h = attribute(group_, names().h);
        PyObject* const given[] = {h.ptr(), step.ptr()};
        return checked(PyObject_Vectorcall(function.ptr(), given, 2, nullptr));
    }
    static void count_step(py::handle cohort, py::handle step) {
        if (PyObject_SetAttr(cohort.ptr(), names().t, step.ptr())) throw py::error_already_set();
    }

private:
    // Made once; attributes are found faster by names that the interpreter knows.
    struct Names {
        PyObject* group = PyUnicode_InternFromString("group");
        PyObject* h = PyUnicode_InternFromString("h");
        PyObject* stage_scalars = PyUnicode_InternFromString("stage_scalars");
        PyObject* t = PyUnicode_InternFromString("t");
    };
    static const Names& names() {
        static const auto* const made = new Names;    // as long as the interpreter
        return *made;
    }
    static py::object checked(PyObject* found) {
        if (!found) throw py::error_already_set();
        return py::reinterpret_steal<py::object>(found);
    }
    static py::object attribute(py::handle owner, PyObject* name) {
        return checked(PyObject_GetAttr(owner.ptr(), name));
    }

    py::handle cohort_;
    py::object group_;
};

}  // namespace fastopt
