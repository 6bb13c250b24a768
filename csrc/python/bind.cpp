// What a plan takes from its caller before a step, and looks at: gradients, and the scalars of each row.
#include <algorithm>
#include <limits>
#include <stdexcept>

#include "pool/fpenv.hpp"
#include "plan/plan.hpp"

namespace fastopt {
namespace {

constexpr double changing_nothing[] = {1.0, std::numeric_limits<double>::infinity(), 0.0, 1.0, 1.0};
constexpr int decay = 2;    // which of these is the coupled decay

bool is_list_or_tuple(PyObject* object) { return PyList_Check(object) || PyTuple_Check(object); }

// Begins to fetch gradients that are looked at soon, and the lengths of what has come.
void fetch_ahead(PyObject* gradients, std::ptrdiff_t i, std::ptrdiff_t count) {
    PyObject* const later = PySequence_Fast_GET_ITEM(gradients, std::min(i + 16, count - 1));
    NdArray(later).fetch();
    PyObject* const soon = PySequence_Fast_GET_ITEM(gradients, std::min(i + 6, count - 1));
    if (NdArray::is_exact(soon)) NdArray(soon).fetch_lengths();
}

Stage stage_of(const double* scalars, std::size_t count) {
    if (count == cautious_scalars) return Stage::cautious;
    if (count == l1_scalars) return Stage::l1;
    if (count == cautious_l1_scalars) return Stage::cautious_l1;
    if (count != decay_scalars) throw std::invalid_argument("no stage has that many scalars");
    if (std::equal(scalars, scalars + count, changing_nothing)) return Stage::bare;
    return scalars[decay] != 0.0 ? Stage::coupled : Stage::decoupled;
}

}  // namespace

std::ptrdiff_t Plan::bind(py::handle gradients, py::handle params, bool overlap_checked,
                          const Taking& taking) {
    PyObject* const given = gradients.ptr();
    PyObject* const now = params.is_none() ? nullptr : params.ptr();
    if (!is_list_or_tuple(given) || (now && !is_list_or_tuple(now))) {
        throw std::invalid_argument("a plan takes gradients and parameters in a list or a tuple");
    }
    const auto count = std::ptrdiff_t(arrays_.size());
    if (PySequence_Fast_GET_SIZE(given) != count || (now && PySequence_Fast_GET_SIZE(now) != count)) {
        throw std::invalid_argument("a plan needs as many gradients as it has parameters");
    }
    gradients_.clear();
    bool all = true;
    if (const auto* changed = first_changed(bound_)) return std::ptrdiff_t(changed->parameter());
    if (const auto* changed = first_changed(owners_)) return std::ptrdiff_t(changed->parameter());
    for (std::ptrdiff_t i = 0; i < count; ++i) {
        Array& array = arrays_[std::size_t(i)];
        fetch_ahead(given, i, count);
        if (now && PySequence_Fast_GET_ITEM(now, i) != array.parameter) return i;
        PyObject* const gradient = PySequence_Fast_GET_ITEM(given, i);
        array.strided.reset();
        if (gradient == Py_None) {
            array.g = nullptr;
            all = false;
        } else if (!take_gradient(array, gradient, overlap_checked, taking)) {
            return i;
        }
    }
    if (taking.written && !overlap_checked) {
        std::sort(gradients_.begin(), gradients_.end());
        for (std::size_t i = 1; i < gradients_.size(); ++i) {
            if (gradients_[i].first < gradients_[i - 1].second) return 0;    // Python finds out which
        }
    }
    return all ? bound : some_absent;
}

bool Plan::take_gradient(Array& array, PyObject* gradient, bool overlap_checked, const Taking& taking) {
    if (!NdArray::is_exact(gradient)) return false;
    const NdArray g(gradient);
    const auto dtype = taking.cast ? g.any_float(taking.bfloat16) : g.dtype();
    if (!dtype || !g.has_shape(array.shape)) return false;
    if (!taking.cast && dtype != array.kernel->dtype) return false;
    const std::size_t item = itemsize(*dtype);
    const char* low = g.data();
    const char* high = low + std::size_t(array.size) * item;
    if (dtype != array.kernel->dtype || !(array.fortran ? g.f_contiguous() : g.c_contiguous()) ||
        !g.aligned()) {
        high = low + item;
        for (int k = 0; k < g.ndim(); ++k) {
            const std::ptrdiff_t reach = (g.shape(k) - 1) * g.stride(k);
            (reach < 0 ? low : high) += reach;
        }
        if (array.size > 0) {
            array.strided =
                std::make_unique<StridedGradient>(g, *dtype, array.fortran, array.kernel->dtype);
            if (taking.written && array.strided->overlaps_itself()) return false;
        }
    }
    array.g = g.data();
    if (taking.written) {
        if (!g.writeable()) return false;
        if (array.size > 0) gradients_.emplace_back(low, high);
    }
    if (overlap_checked || array.size == 0 || array.apart == std::pair(low, high)) return true;
    if (overlaps(low, high)) return false;
    array.apart = {low, high};
    return true;
}

bool Plan::overlaps(const char* low, const char* high) const {
    const auto after = std::partition_point(written_.begin(), written_.end(),
                                            [&](const auto& range) { return range.second <= low; });
    return after != written_.end() && after->first < high;
}

void Plan::Scalars::append(PyObject* values) {
    if (!PyTuple_Check(values)) throw std::invalid_argument("the scalars of a row are in tuples");
    const auto given = std::size_t(PyTuple_GET_SIZE(values));
    if (count + given > most_scalars) {
        throw std::invalid_argument("a row has " + std::to_string(count + given) +
                                    " scalars, those of the stage and of the rule; at most " +
                                    std::to_string(most_scalars) + " fit");
    }
    for (std::size_t i = 0; i < given; ++i) {
        const double value = PyFloat_AsDouble(PyTuple_GET_ITEM(values, py::ssize_t(i)));
        if (value == -1.0 && PyErr_Occurred()) throw py::error_already_set();
        float64[count] = value;
        float32[count++] = static_cast<float>(value);
    }
}

void Plan::Scalars::take(PyObject* of_the_stage, PyObject* of_the_rule) {
    const FloatingPointEnvironment environment;    // they are rounded here
    count = 0;
    append(of_the_stage);
    of_stage = count;
    stage = stage_of(float64, of_stage);
    append(of_the_rule);
}

void Plan::Scalars::fetch_ahead(bool asked) {
    float64[count] = asked ? 1.0 : 0.0;
    float32[count] = asked ? 1.0f : 0.0f;
}

void Plan::read_rows(py::handle rows) {
    if (!is_list_or_tuple(rows.ptr())) throw std::invalid_argument("rows are in a list or a tuple");
    scalars_.resize(std::size_t(PySequence_Fast_GET_SIZE(rows.ptr())));
    for (std::size_t r = 0; r < scalars_.size(); ++r) {
        Scalars& row = scalars_[r];
        row.count = 0;
        PyObject* const pair = PySequence_Fast_GET_ITEM(rows.ptr(), py::ssize_t(r));
        if (pair == Py_None) continue;
        if (!PyTuple_Check(pair) || PyTuple_GET_SIZE(pair) != 2) {
            throw std::invalid_argument("a row is a pair");
        }
        row.take(PyTuple_GET_ITEM(pair, 0), PyTuple_GET_ITEM(pair, 1));
    }
}

void Plan::choose_rows(const std::vector<int>& row_of) {
    for (std::size_t i = 0; i < arrays_.size(); ++i) {
        arrays_[i].row = row_of.empty() ? arrays_[i].assigned : row_of.at(i);
    }
}

void Plan::check_rows() const {
    for (const Array& array : arrays_) {
        if (!array.g) continue;
        const Scalars& row = scalars_.at(std::size_t(array.row));
        if (row.count != row.of_stage + std::size_t(array.kernel->coefficients)) {
            throw std::invalid_argument(std::string("the rule ") + array.kernel->rule +
                                        " has another number of coefficients");
        }
        if (!array.kernel->sweep[int(row.stage)]) {
            throw std::invalid_argument(std::string("the rule ") + array.kernel->rule +
                                        " has not been compiled for this stage");
        }
    }
}

}  // namespace fastopt
