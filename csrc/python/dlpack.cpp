// The table of functions is found when the first tensor comes.
#include "python/dlpack.hpp"

#include <algorithm>
#include <vector>

#include "python/gil.hpp"

namespace fastopt {
namespace dlpack {
namespace {

constexpr std::uint8_t floating = 2, bfloat = 4;

// Whether the processor reads its memory: kDLCPU and kDLCUDAHost.
bool is_read(Device device) { return device.type == 1 || device.type == 3; }

struct Types {
    PyTypeObject *tensor = nullptr, *parameter = nullptr;
    const Table* table = nullptr;
};
Types known;

// Where torch has been imported, as it has by whoever has a tensor.
bool find_types() {
    PyObject* const torch = PyDict_GetItemString(PyImport_GetModuleDict(), "torch");
    if (!torch) return false;
    return held_at_exit([=] {
        PyObject* const tensor = PyObject_GetAttrString(torch, "Tensor");
        PyObject* const nn = tensor ? PyObject_GetAttrString(torch, "nn") : nullptr;
        PyObject* const parameter = nn ? PyObject_GetAttrString(nn, "Parameter") : nullptr;
        PyObject* const capsule =
            parameter ? PyObject_GetAttrString(tensor, "__dlpack_c_exchange_api__") : nullptr;
        auto* table = static_cast<const Table*>(
            capsule ? PyCapsule_GetPointer(capsule, "dlpack_exchange_api") : nullptr);
        while (table && table->major != 1) table = table->previous;
        PyErr_Clear();
        Py_XDECREF(nn);
        Py_XDECREF(capsule);
        if (!table || !table->read) return false;
        // These are kept: torch does not go away before the process.
        known = {reinterpret_cast<PyTypeObject*>(tensor), reinterpret_cast<PyTypeObject*>(parameter),
                 table};
        return true;
    });
}

bool is_exact(PyObject* object) {
    const PyTypeObject* const type = Py_TYPE(object);
    if (known.table) return type == known.tensor || type == known.parameter;
    return find_types() && is_exact(object);
}

}  // namespace
}  // namespace dlpack

bool TorchTensor::read(PyObject* object) {
    if (!dlpack::is_exact(object)) return false;
    if (dlpack::known.table->read(object, &fields_)) {
        PyErr_Clear();    // sparse, meta, in a functional transform: Python finds out which
        return false;
    }
    return dlpack::is_read(fields_.device) && fields_.ndim <= most_axes && (fields_.data || size() == 0);
}

void TorchTensor::fetch_fields(PyObject* object) {
    if (!dlpack::is_exact(object)) return;
    const auto* const words = reinterpret_cast<const char* const*>(object + 1);
    for (int k = 0; k < 2; ++k) {
        for (const int line : {0, 64, 128}) __builtin_prefetch(words[k] + line);
    }
}

std::optional<DType> TorchTensor::dtype() const {
    const dlpack::Format format = fields_.format;
    if (format.lanes != 1) return {};
    if (format.code == dlpack::bfloat && format.bits == 16) return DType::bfloat16;
    if (format.code != dlpack::floating) return {};
    if (format.bits == 16) return DType::float16;
    if (format.bits == 32) return DType::float32;
    if (format.bits == 64) return DType::float64;
    return {};
}

bool TorchTensor::has_shape(Shape lengths) const {
    if (std::size_t(fields_.ndim) != lengths.size()) return false;
    for (std::size_t k = 0; k < lengths.size(); ++k) {
        if (fields_.shape[k] != lengths[k]) return false;
    }
    return true;
}

ArrayView TorchTensor::view(DType dtype) {
    const auto item = std::ptrdiff_t(itemsize(dtype)), axes = std::ptrdiff_t(fields_.ndim);
    for (std::ptrdiff_t k = 0; k < axes; ++k) {
        shape_[std::size_t(k)] = std::ptrdiff_t(fields_.shape[k]);
        strides_[std::size_t(k)] = std::ptrdiff_t(fields_.strides[k]) * item;
    }
    return {.data = data(),
            .shape = {shape_.data(), std::size_t(axes)},
            .strides = strides_.data(),
            .dtype = dtype,
            .c_contiguous = contiguous(axes - 1, -1, -1),
            .f_contiguous = contiguous(0, axes, 1),
            .aligned = reinterpret_cast<std::uintptr_t>(data()) % std::size_t(item) == 0,
            .writeable = true};
}

bool TorchTensor::is_lazy(PyObject* tensor) {
    static PyObject* const name = PyUnicode_InternFromString("is_neg");
    PyObject* const answer = held_at_exit([=] { return PyObject_CallMethodNoArgs(tensor, name); });
    if (!answer) PyErr_Clear();
    const bool plain = answer == Py_False;
    Py_XDECREF(answer);
    return !plain;
}

std::ptrdiff_t TorchTensor::size() const {
    std::ptrdiff_t size = 1;
    for (int k = 0; k < fields_.ndim; ++k) size *= std::ptrdiff_t(fields_.shape[k]);
    return size;
}

bool TorchTensor::contiguous(std::ptrdiff_t first, std::ptrdiff_t end, std::ptrdiff_t by) const {
    if (size() == 0) return true;
    std::int64_t step = 1;
    for (std::ptrdiff_t k = first; k != end; k += by) {
        if (fields_.shape[k] == 1) continue;
        if (fields_.strides[k] != step) return false;
        step *= fields_.shape[k];
    }
    return true;
}

PyObject* places_of(PyObject* tensors) {
    if (!PyList_Check(tensors)) {
        PyErr_SetString(PyExc_TypeError, "places takes a list");
        return nullptr;
    }
    std::vector<std::int64_t> found;
    const Py_ssize_t count = PyList_GET_SIZE(tensors);
    found.reserve(std::size_t(4 * count));
    for (Py_ssize_t i = 0; i < count; ++i) {
        TorchTensor::fetch(PyList_GET_ITEM(tensors, std::min(i + 16, count - 1)));
        TorchTensor::fetch_fields(PyList_GET_ITEM(tensors, std::min(i + 6, count - 1)));
        TorchTensor tensor;
        if (!tensor.read(PyList_GET_ITEM(tensors, i))) Py_RETURN_NONE;
        const dlpack::Tensor& fields = tensor.fields();
        const dlpack::Format format = fields.format;
        found.push_back(std::int64_t(reinterpret_cast<std::uintptr_t>(tensor.data())));
        found.push_back(fields.ndim * 65536 + format.code * 256 + format.bits);
        found.insert(found.end(), fields.shape, fields.shape + fields.ndim);
        found.insert(found.end(), fields.strides, fields.strides + fields.ndim);
    }
    return PyBytes_FromStringAndSize(reinterpret_cast<const char*>(found.data()),
                                     Py_ssize_t(found.size() * sizeof(std::int64_t)));
}

bool holds(PyObject* state, PyObject* expected) {
    if (!PyDict_Check(state) || !PyList_Check(expected)) return false;
    const Py_ssize_t count = PyList_GET_SIZE(expected);
    Py_ssize_t i = 0;
    PyObject *key, *entry, *name, *value;
    for (Py_ssize_t at = 0; PyDict_Next(state, &at, &key, &entry);) {
        if (i >= count || PyList_GET_ITEM(expected, i++) != key || !PyDict_Check(entry)) return false;
        for (Py_ssize_t in = 0; PyDict_Next(entry, &in, &name, &value);) {
            if (i + 1 >= count || PyList_GET_ITEM(expected, i) != name) return false;
            if (PyList_GET_ITEM(expected, i + 1) != value) return false;
            i += 2;
        }
    }
    return i == count;
}

}  // namespace fastopt
