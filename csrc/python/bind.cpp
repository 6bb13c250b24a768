// The gradients that a plan is given for a step, read of Python's objects.
#include "plan/bind.hpp"

#include <algorithm>
#include <stdexcept>

#include "python/dlpack.hpp"
#include "python/numpy_plan.hpp"

namespace fastopt {
namespace {

bool is_list_or_tuple(PyObject* object) { return PyList_Check(object) || PyTuple_Check(object); }

// Begins to fetch gradients that are looked at soon, and the lengths of what has come.
void fetch_ahead(PyObject* gradients, std::ptrdiff_t i, std::ptrdiff_t count) {
    PyObject* const later = PySequence_Fast_GET_ITEM(gradients, std::min(i + 16, count - 1));
    NdArray(later).fetch();
    PyObject* const soon = PySequence_Fast_GET_ITEM(gradients, std::min(i + 6, count - 1));
    if (NdArray::is_exact(soon)) {
        NdArray(soon).fetch_lengths();
    } else {
        TorchTensor::fetch_fields(soon);
    }
}

}  // namespace

BindResult NumpyPlan::bind(py::handle gradients, py::handle params, bool overlap_checked,
                           const GradientForms& forms) {
    PyObject* const given = gradients.ptr();
    PyObject* const now = params.is_none() ? nullptr : params.ptr();
    if (!is_list_or_tuple(given) || (now && !is_list_or_tuple(now))) {
        throw std::invalid_argument("a plan takes gradients and parameters in a list or a tuple");
    }
    const auto count = std::ptrdiff_t(parameters_.size());
    if (PySequence_Fast_GET_SIZE(given) != count || (now && PySequence_Fast_GET_SIZE(now) != count)) {
        throw std::invalid_argument("a plan needs as many gradients as it has parameters");
    }
    plan_.begin_binding();
    bool all = true;
    if (const auto* changed = first_changed(bound_)) return BindResult::wrong(changed->parameter());
    if (const auto* changed = first_changed(owners_)) return BindResult::wrong(changed->parameter());
    for (std::ptrdiff_t i = 0; i < count; ++i) {
        const auto parameter = std::size_t(i);
        fetch_ahead(given, i, count);
        if (now && PySequence_Fast_GET_ITEM(now, i) != parameters_[parameter]) {
            return BindResult::wrong(parameter);
        }
        PyObject* const gradient = PySequence_Fast_GET_ITEM(given, i);
        if (gradient == Py_None) {
            plan_.bind_none(parameter);
            all = false;
        } else if (!bind_gradient(parameter, gradient, overlap_checked, forms)) {
            return BindResult::wrong(parameter);
        }
    }
    if (forms.written && !overlap_checked && !plan_.gradients_are_apart()) {
        return BindResult::wrong(0);    // Python finds out which
    }
    return {all ? BindResult::bound : BindResult::some_absent};
}

bool NumpyPlan::bind_gradient(std::size_t parameter, PyObject* gradient, bool overlap_checked,
                              const GradientForms& forms) {
    if (!NdArray::is_exact(gradient)) return bind_tensor(parameter, gradient, overlap_checked, forms);
    const NdArray g(gradient);
    auto dtype = g.dtype();
    if (!dtype) dtype = g.format();
    if (!dtype || !g.has_shape(plan_.shape(parameter))) return false;
    if (!forms.cast && !plan_.takes(parameter, *dtype)) return false;
    return plan_.bind(parameter, g.view(*dtype), overlap_checked, forms);
}

void NumpyPlan::bind_rows(std::size_t parameter, py::handle indices, py::handle values, py::handle living) {
    const auto array = [](py::handle given) {
        const NdArray found(given.ptr());
        if (!NdArray::is_exact(given.ptr()) || !found.view(DType::float32).c_contiguous) {
            throw std::invalid_argument("a gradient of rows is of contiguous arrays");
        }
        return found;
    };
    const NdArray numbers = array(indices), found = array(values);
    const Shape shape = plan_.shape(parameter);
    const Shape given = found.shape();
    if (numbers.native_type() != py::detail::npy_api::NPY_INT64_ || numbers.ndim() != 1 || shape.empty() ||
        found.dtype() != plan_.dtype(parameter) || given.size() != shape.size() || given[0] != numbers.size() ||
        !std::equal(shape.begin() + 1, shape.end(), given.begin() + 1) ||
        (!living.is_none() && std::ptrdiff_t(array(living).bytes()) != shape[0])) {
        throw std::invalid_argument("a gradient of rows does not fit its parameter");
    }
    plan_.bind_rows(parameter, {{reinterpret_cast<const std::int64_t*>(numbers.data()), std::size_t(numbers.size())},
                                found.data(),
                                living.is_none() ? nullptr : reinterpret_cast<unsigned char*>(array(living).data())});
}

// Apart from that of arrays, which are most.
[[gnu::noinline]] bool NumpyPlan::bind_tensor(std::size_t parameter, PyObject* gradient, bool overlap_checked,
                                              const GradientForms& forms) {
    TorchTensor g;
    if (!g.read(gradient)) return false;
    const auto dtype = g.dtype();
    if (!dtype || !plan_.takes(parameter, *dtype)) return false;
    if (!g.has_shape(plan_.shape(parameter)) || TorchTensor::is_lazy(gradient)) return false;
    return plan_.bind(parameter, g.view(*dtype), overlap_checked, forms);
}

}  // namespace fastopt
