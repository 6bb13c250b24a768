// How the scalars of a group's step are computed, recorded by fastopt.model: from its hyperparameters, the
// number of the step, and what is carried from one to the next.
#pragma once
#include <optional>
#include <tuple>
#include <utility>
#include <vector>

#include "plan/scalar_row.hpp"
#include "plan/tape.hpp"
#include "python/tuples.hpp"

namespace fastopt {

class ScalarTape {
public:
    using Constants = std::vector<std::pair<std::size_t, double>>;    // and their places
    // The number of an operation, the place of its result, the answer of a comparison, places of operands.
    using Steps = std::vector<std::tuple<std::size_t, std::size_t, bool, std::size_t, std::size_t>>;

    // One that has still to be recorded: it fails.
    ScalarTape() = default;
    // `values` are the hyperparameters as they were, under their names: of floats, and of tuples of floats,
    // the numbers come first among what is given, in that order; all else has to stay as it is. Then come
    // the number of the step from 0, that of its count from 1, and what is `carried`, by name. `results`
    // are places: of the scalars of the stage, of the coefficients, of what is carried on.
    ScalarTape(const py::dict& values, const std::vector<py::str>& carried, const Constants& constants,
               const Steps& steps, int stage, std::vector<std::size_t> results);

    // The tape that an object is, null for others.
    static ScalarTape* of(PyObject* object);
    static void find_type(py::handle type) { type_ = reinterpret_cast<PyTypeObject*>(type.ptr()); }

    // Whether the last attempt to use it has failed, and Python had to compute.
    bool failed() const { return failed_; }
    bool carries() const { return !carried_.empty(); }
    // All that results from other numbers in place of those that are given; nothing where Python has to
    // compute. For the tests.
    std::optional<std::vector<double>> replay(const std::vector<double>& given);
    // Fills a row; `pending` becomes what is carried on, if anything is. False where Python has to compute.
    bool fill(ScalarRow& row, py::handle values, py::handle steps, py::handle t, py::handle carried,
              py::object& pending);

private:
    struct Field {
        py::object name, kept;    // what has to stay, null where it is a number or a tuple of them
        py::ssize_t numbers;      // -1 for a number by itself
    };

    bool read(py::handle values);
    bool compute(ScalarRow& row, py::handle steps, py::handle t, py::handle carried);
    py::object carried_on();
    std::size_t coefficients() const { return results_.size() - stage_scalars - carried_.size(); }

    inline static PyTypeObject* type_ = nullptr;
    std::optional<Tape> tape_;
    std::vector<Field> fields_;
    std::vector<py::str> carried_;
    double stage_ = 0.0;
    std::vector<std::size_t> results_;
    std::size_t numbers_ = 0;    // of hyperparameters
    py::object values_;          // that have been read
    bool failed_ = true;
};

}  // namespace fastopt
