// Rows of scalars, read of Python's tuples.
#pragma once
#include <pybind11/pybind11.h>

#include <stdexcept>

#include "plan/scalar_row.hpp"
#include "pool/fpenv.hpp"

namespace fastopt {

namespace py = pybind11;

inline double number_in(PyObject* tuple, std::size_t place) {
    const double value = PyFloat_AsDouble(PyTuple_GET_ITEM(tuple, py::ssize_t(place)));
    if (value == -1.0 && PyErr_Occurred()) throw py::error_already_set();
    return value;
}

// A stage is its number and its scalars.
inline void read(ScalarRow& row, PyObject* stage, PyObject* rule) {
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

}  // namespace fastopt
