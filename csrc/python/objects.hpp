// Attributes of Python's objects, by names that are made once: those that the interpreter knows are found faster.
#pragma once
#include <pybind11/pybind11.h>

namespace fastopt {

namespace py = pybind11;

inline py::object checked(PyObject* found) {
    if (!found) throw py::error_already_set();
    return py::reinterpret_steal<py::object>(found);
}

inline py::object attribute(py::handle owner, PyObject* name) {
    return checked(PyObject_GetAttr(owner.ptr(), name));
}

inline void set_attribute(py::handle owner, PyObject* name, py::handle value) {
    if (PyObject_SetAttr(owner.ptr(), name, value.ptr())) throw py::error_already_set();
}

}  // namespace fastopt
