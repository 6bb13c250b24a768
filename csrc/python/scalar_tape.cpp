// Reads the hyperparameters of a group, and what is carried, and fills a row with what a tape makes of them.
#include "python/scalar_tape.hpp"

#include <stdexcept>

#include "python/gil.hpp"
#include "python/objects.hpp"

namespace fastopt {
namespace {

constexpr py::ssize_t by_itself = -1;

// Of a float or a tuple of floats the numbers that it is; nothing for all else.
std::optional<py::ssize_t> numbers_of(PyObject* value) {
    if (PyFloat_CheckExact(value)) return by_itself;
    if (!PyTuple_CheckExact(value)) return {};
    for (py::ssize_t i = 0; i < PyTuple_GET_SIZE(value); ++i) {
        if (!PyFloat_CheckExact(PyTuple_GET_ITEM(value, i))) return {};
    }
    return PyTuple_GET_SIZE(value);
}

bool is_same(PyObject* value, PyObject* kept) {
    if (Py_TYPE(value) != Py_TYPE(kept)) return false;
    const int same = PyObject_RichCompareBool(value, kept, Py_EQ);
    if (same < 0) throw py::error_already_set();
    return same == 1;
}

Operation operation_of(std::size_t number) {
    if (number >= operation_count) throw std::invalid_argument("there is no operation of that number");
    return Operation(number);
}

}  // namespace

ScalarTape::ScalarTape(const py::dict& values, const std::vector<py::str>& carried,
                       const Constants& constants, const Steps& steps, int stage,
                       std::vector<std::size_t> results)
    : carried_(carried), stage_(stage), results_(std::move(results)), failed_(false) {
    for (const auto& [name, value] : values) {
        const auto numbers = numbers_of(value.ptr());
        const auto kept = numbers ? py::object() : py::reinterpret_borrow<py::object>(value);
        fields_.push_back({py::reinterpret_borrow<py::object>(name), kept, numbers.value_or(0)});
        if (numbers) numbers_ += *numbers == by_itself ? 1 : std::size_t(*numbers);
    }
    std::vector<Tape::Step> recorded;
    for (const auto& [operation, result, answer, a, b] : steps) {
        recorded.push_back({operation_of(operation), answer, std::uint16_t(result), std::uint16_t(a),
                            std::uint16_t(b)});
    }
    tape_.emplace(numbers_ + 2 + carried_.size(), constants, std::move(recorded));
    if (results_.size() < stage_scalars + carried_.size()) {
        throw std::invalid_argument("a tape has too few results");
    }
    for (const std::size_t place : results_) {
        if (place >= tape_->size()) throw std::invalid_argument("a result has no place");
    }
    if (coefficients() > most_coefficients) throw std::invalid_argument("a rule has too many coefficients");
}

ScalarTape* ScalarTape::of(PyObject* object) {
    if (Py_TYPE(object) != type_) return nullptr;
    auto* const instance = reinterpret_cast<py::detail::instance*>(object);
    return static_cast<ScalarTape*>(instance->get_value_and_holder().value_ptr());
}

std::optional<std::vector<double>> ScalarTape::replay(const std::vector<double>& given) {
    values_ = {};
    if (!tape_ || given.size() != numbers_ + 2 + carried_.size()) {
        throw std::invalid_argument("a tape is given as many numbers as it was recorded with");
    }
    for (std::size_t place = 0; place < given.size(); ++place) (*tape_)[place] = given[place];
    const FloatingPointEnvironment environment;
    if (!tape_->run()) return {};
    std::vector<double> found;
    for (const std::size_t place : results_) found.push_back((*tape_)[place]);
    return found;
}

bool ScalarTape::fill(ScalarRow& row, py::handle values, py::handle steps, py::handle t,
                      py::handle carried, py::object& pending) {
    failed_ = !tape_ || !read(values) || !compute(row, steps, t, carried);
    if (failed_) return false;
    if (!carried_.empty()) pending = carried_on();
    return true;
}

// No object is made here: what that collects would run in this environment, too.
bool ScalarTape::compute(ScalarRow& row, py::handle steps, py::handle t, py::handle carried) {
    Tape& tape = *tape_;
    std::size_t place = numbers_;
    tape[place++] = number(steps.ptr());
    tape[place++] = number(t.ptr());
    for (const py::str& name : carried_) {
        PyObject* const value = PyDict_GetItemWithError(carried.ptr(), name.ptr());
        if (!value || !PyFloat_CheckExact(value)) return false;
        tape[place++] = PyFloat_AS_DOUBLE(value);
    }
    const FloatingPointEnvironment environment;
    if (!tape.run()) return false;
    const std::size_t* result = results_.data();
    row.begin(stage_);
    for (std::size_t k = 0; k < stage_scalars; ++k) row.set_stage(k, tape[*result++]);
    for (std::size_t k = coefficients(); k > 0; --k) row.append(tape[*result++]);
    return true;
}

py::object ScalarTape::carried_on() {
    py::object found = checked(held_at_exit([] { return PyDict_New(); }));    // which may collect garbage
    const std::size_t* result = results_.data() + stage_scalars + coefficients();
    for (const py::str& name : carried_) {
        const py::float_ value((*tape_)[*result++]);
        if (PyDict_SetItem(found.ptr(), name.ptr(), value.ptr())) throw py::error_already_set();
    }
    return found;
}

// Hyperparameters that have been read are not read again: nobody changes them in place.
bool ScalarTape::read(py::handle values) {
    if (values.is(values_)) return true;
    values_ = {};
    const auto known = py::reinterpret_steal<py::object>(PyObject_GenericGetDict(values.ptr(), nullptr));
    if (!known) throw py::error_already_set();
    if (std::size_t(PyDict_GET_SIZE(known.ptr())) != fields_.size()) return false;
    std::size_t place = 0;
    auto field = fields_.begin();
    PyObject *name, *value;
    for (py::ssize_t at = 0; PyDict_Next(known.ptr(), &at, &name, &value); ++field) {
        if (name != field->name.ptr()) return false;    // names of attributes are interned
        if (field->kept) {
            if (value != field->kept.ptr() && !is_same(value, field->kept.ptr())) return false;
        } else if (numbers_of(value) != field->numbers) {
            return false;
        } else if (field->numbers == by_itself) {
            (*tape_)[place++] = PyFloat_AS_DOUBLE(value);
        } else {
            for (py::ssize_t i = 0; i < field->numbers; ++i) {
                (*tape_)[place++] = PyFloat_AS_DOUBLE(PyTuple_GET_ITEM(value, i));
            }
        }
    }
    values_ = py::reinterpret_borrow<py::object>(values);
    return true;
}

}  // namespace fastopt
