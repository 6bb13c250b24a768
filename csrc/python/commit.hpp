// What a step changes besides what it sweeps over: attributes of Python objects, (object, name, value) each, and
// the contents of arrays, (array, None, array). They are set right behind the sweep, within the same call: a
// signal's handler, which may raise an exception, runs before all of it or after.
#pragma once
#include <pybind11/pybind11.h>

#include <cstring>
#include <stdexcept>

#include "python/ndarray.hpp"

namespace fastopt {

namespace py = pybind11;

class Commit {
public:
    explicit Commit(py::handle changes) : changes_(changes) {
        if (!PyList_Check(changes.ptr()) && !PyTuple_Check(changes.ptr())) {
            throw std::invalid_argument("changes are in a list or a tuple");
        }
        for (py::ssize_t i = 0; i < size(); ++i) {
            PyObject* const change = PySequence_Fast_GET_ITEM(changes_.ptr(), i);
            if (!PyTuple_Check(change) || PyTuple_GET_SIZE(change) != 3) {
                throw std::invalid_argument("a change is (object, name, value)");
            }
            if (PyTuple_GET_ITEM(change, 1) == Py_None) {
                const NdArray to(PyTuple_GET_ITEM(change, 0)), from(PyTuple_GET_ITEM(change, 2));
                if (to.native_type() != from.native_type() || to.bytes() != from.bytes()) {
                    throw std::invalid_argument("contents have another dtype or size");
                }
            }
        }
    }

    void apply() const {
        for (py::ssize_t i = 0; i < size(); ++i) {
            PyObject* const change = PySequence_Fast_GET_ITEM(changes_.ptr(), i);
            if (PyTuple_GET_ITEM(change, 1) == Py_None) {
                const NdArray to(PyTuple_GET_ITEM(change, 0)), from(PyTuple_GET_ITEM(change, 2));
                std::memcpy(to.data(), from.data(), to.bytes());
            } else if (PyObject_SetAttr(PyTuple_GET_ITEM(change, 0), PyTuple_GET_ITEM(change, 1),
                                 PyTuple_GET_ITEM(change, 2))) {
                throw py::error_already_set();
            }
        }
    }

private:
    py::ssize_t size() const { return PySequence_Fast_GET_SIZE(changes_.ptr()); }

    py::handle changes_;
};

}  // namespace fastopt
