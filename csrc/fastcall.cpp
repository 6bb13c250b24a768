// The fast calls, by the protocol of METH_FASTCALL.
#include "fastcall.hpp"

#include "plan/power.hpp"
#include "python/dlpack.hpp"
#include "python/leaves.hpp"

namespace fastopt {
namespace {

PyObject* step(PyObject* self, PyObject* const* given, Py_ssize_t count) {
    try {
        if (count != 6) {
            throw std::invalid_argument(
                "step takes (grads, parameters, counts, threads, counter, program)");
        }
        auto* const instance = reinterpret_cast<py::detail::instance*>(self);
        auto& plan = *static_cast<NumpyPlan*>(instance->get_value_and_holder().value_ptr());
        const long threads = PyLong_AsLong(given[3]);
        if (threads == -1 && PyErr_Occurred()) return nullptr;
        const BindResult found =
            plan.step(given[0], given[1], given[2], int(threads), given[4], given[5]);
        return PyLong_FromSsize_t(found.number);
    } catch (py::error_already_set& error) {
        error.restore();
    } catch (const std::exception& error) {
        PyErr_SetString(PyExc_ValueError, error.what());
    }
    return nullptr;
}

PyObject* power_of(PyObject*, PyObject* const* given, Py_ssize_t count) {
    if (count != 2) {
        PyErr_SetString(PyExc_TypeError, "power takes (base, exponent)");
        return nullptr;
    }
    const double base = PyFloat_AsDouble(given[0]);
    if (base == -1.0 && PyErr_Occurred()) return nullptr;
    const unsigned long long exponent = PyLong_AsUnsignedLongLong(given[1]);
    if (PyErr_Occurred()) return nullptr;
    return PyFloat_FromDouble(power(base, exponent));
}

PyObject* exp_of(PyObject*, PyObject* given) {
    const double x = PyFloat_AsDouble(given);
    if (x == -1.0 && PyErr_Occurred()) return nullptr;
    if (!(x < 709.0)) {
        PyErr_SetString(PyExc_OverflowError, "exp takes a number below 709");
        return nullptr;
    }
    return PyFloat_FromDouble(exp(x));
}

PyObject* real_power_of(PyObject*, PyObject* const* given, Py_ssize_t count) {
    if (count != 2) {
        PyErr_SetString(PyExc_TypeError, "real_power takes (base, exponent)");
        return nullptr;
    }
    const double base = PyFloat_AsDouble(given[0]);
    if (base == -1.0 && PyErr_Occurred()) return nullptr;
    const double exponent = PyFloat_AsDouble(given[1]);
    if (exponent == -1.0 && PyErr_Occurred()) return nullptr;
    if (!(base >= 0.0 && exponent >= 0.0 && exponent < 1e15)) {
        PyErr_SetString(PyExc_ValueError, "real_power takes a base >= 0 and an exponent >= 0");
        return nullptr;
    }
    return PyFloat_FromDouble(real_power(base, exponent));
}

PyObject* address_of(PyObject*, PyObject* array) {
    if (!NdArray::is_any(array)) {
        PyErr_SetString(PyExc_TypeError, "address takes an array");
        return nullptr;
    }
    return PyLong_FromVoidPtr(NdArray(array).data());
}

PyObject* places(PyObject*, PyObject* tensors) {
    try {
        return places_of(tensors);
    } catch (const std::exception&) {
        return PyErr_NoMemory();
    }
}

PyObject* holds_all(PyObject*, PyObject* const* given, Py_ssize_t count) {
    return PyBool_FromLong(count == 2 && holds(given[0], given[1]));
}

PyObject* leaves(PyObject*, PyObject* const* given, Py_ssize_t count) {
    if (count != 2) {
        PyErr_SetString(PyExc_TypeError, "leaves takes (form, tree)");
        return nullptr;
    }
    try {
        py::object found = leaves_of(given[0], given[1]);
        if (!found) Py_RETURN_NONE;
        return found.release().ptr();
    } catch (py::error_already_set& error) {
        error.restore();
        return nullptr;
    }
}

// PyCFunction is the type of all of them; the flags say how they are called.
PyCFunction as_function(PyObject* (*fast)(PyObject*, PyObject* const*, Py_ssize_t)) {
    return reinterpret_cast<PyCFunction>(reinterpret_cast<void*>(fast));
}
PyMethodDef step_method{"step", as_function(&step), METH_FASTCALL, nullptr};
PyMethodDef power_function{"power", as_function(&power_of), METH_FASTCALL, nullptr};
PyMethodDef real_power_function{"real_power", as_function(&real_power_of), METH_FASTCALL, nullptr};
PyMethodDef exp_function{"exp", &exp_of, METH_O, nullptr};
PyMethodDef address_function{"address", &address_of, METH_O, nullptr};
PyMethodDef places_function{"places", &places, METH_O, nullptr};
PyMethodDef holds_function{"holds", as_function(&holds_all), METH_FASTCALL, nullptr};
PyMethodDef leaves_function{"leaves", as_function(&leaves), METH_FASTCALL, nullptr};

}  // namespace

void add_fast_calls(py::module_& module, py::class_<NumpyPlan>& plan) {
    auto* const type = reinterpret_cast<PyTypeObject*>(plan.ptr());
    plan.attr("step") = py::reinterpret_steal<py::object>(PyDescr_NewMethod(type, &step_method));
    for (PyMethodDef* each : {&power_function, &real_power_function, &exp_function,
                              &address_function, &places_function, &holds_function,
                              &leaves_function}) {
        module.attr(each->ml_name) = py::reinterpret_steal<py::object>(PyCFunction_New(each, nullptr));
    }
}

}  // namespace fastopt
