// Tuples of fastopt.backends, read: rows of scalars, forms of gradients, the work of a pass.
#pragma once
#include <pybind11/pybind11.h>

#include <limits>
#include <stdexcept>
#include <string>

#include "plan/pass.hpp"
#include "plan/scalar_row.hpp"
#include "pool/fpenv.hpp"

namespace fastopt {

namespace py = pybind11;

constexpr py::ssize_t forms_fields = 2, pass_fields = 9, program_fields = 6,
                       entries_fields = 3, stored_fields = 2;

inline double number(PyObject* object) {
    const double value = PyFloat_AsDouble(object);
    if (value == -1.0 && PyErr_Occurred()) throw py::error_already_set();
    return value;
}

inline double limit_of(py::handle given) {
    return given.is_none() ? std::numeric_limits<double>::infinity() : number(given.ptr());
}

// A NamedTuple, whose fields stand in the order of the class.
class Fields {
public:
    Fields(py::handle given, py::ssize_t count, const char* what) : given_(given.ptr()) {
        if (!PyTuple_Check(given_) || PyTuple_GET_SIZE(given_) != count) {
            throw std::invalid_argument(std::string(what) + " is a tuple of " + std::to_string(count));
        }
    }
    py::handle operator[](py::ssize_t k) const { return PyTuple_GET_ITEM(given_, k); }
    bool flag(py::ssize_t k) const { return (*this)[k].ptr() == Py_True; }
    double number(py::ssize_t k) const { return fastopt::number((*this)[k].ptr()); }

private:
    PyObject* given_;
};

inline GradientForms forms_of(py::handle given) {
    if (given.is_none()) return {};
    const Fields fields(given, forms_fields, "forms");
    return {fields.flag(0), fields.flag(1)};
}

inline Pass pass_of(py::handle given) {
    if (given.is_none()) return {};
    const Fields fields(given, pass_fields, "a pass");
    return {fields.flag(0), fields.flag(1), fields.number(2), fields.number(3),
            fields.flag(4), fields.number(5), fields.number(6), fields.flag(7),
            fields[8].cast<std::uint64_t>()};
}

// A row is a pair: a stage, which is its number and its scalars, and the coefficients of a rule.
inline void read(ScalarRow& row, PyObject* stage, PyObject* rule) {
    const Fields fields(stage, py::ssize_t(1 + stage_scalars), "a stage");
    if (!PyTuple_Check(rule)) throw std::invalid_argument("the coefficients of a rule are in a tuple");
    const FloatingPointEnvironment environment;    // they are rounded here
    row.begin(fields.number(0));
    for (std::size_t i = 0; i < stage_scalars; ++i) row.set_stage(i, fields.number(py::ssize_t(i + 1)));
    const py::ssize_t count = PyTuple_GET_SIZE(rule);
    for (py::ssize_t i = 0; i < count; ++i) row.append(number(PyTuple_GET_ITEM(rule, i)));
}

}  // namespace fastopt
