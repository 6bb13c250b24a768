// What a step changes besides arrays: attributes of Python objects, (object, name, value) each. They are
// set right behind the sweep, within the same call: a signal's handler, which may raise an exception,
// runs before all of it or after.
#pragma once
#include <pybind11/pybind11.h>

#include <stdexcept>

namespace fastopt {

namespace py = pybind11;

class Changes {
public:
    explicit Changes(py::handle list) : list_(list) {
        if (!PyList_Check(list.ptr()) && !PyTuple_Check(list.ptr())) {
            throw std::invalid_argument("changes are in a list or a tuple");
        }
        for (py::ssize_t i = 0; i < size(); ++i) {
            PyObject* const change = PySequence_Fast_GET_ITEM(list_.ptr(), i);
            if (!PyTuple_Check(change) || PyTuple_GET_SIZE(change) != 3) {
                throw std::invalid_argument("a change is (object, name, value)");
            }
        }
    }

    void apply() const {
        for (py::ssize_t i = 0; i < size(); ++i) {
            PyObject* const change = PySequence_Fast_GET_ITEM(list_.ptr(), i);
            if (PyObject_SetAttr(PyTuple_GET_ITEM(change, 0), PyTuple_GET_ITEM(change, 1),
                                 PyTuple_GET_ITEM(change, 2))) {
                throw py::error_already_set();
            }
        }
    }

private:
    py::ssize_t size() const { return PySequence_Fast_GET_SIZE(list_.ptr()); }

    py::handle list_;
};

}  // namespace fastopt
