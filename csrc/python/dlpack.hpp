// CPU tensors of PyTorch, read where they lie by the table of functions that their type has: DLPack 1.3, whose C
// interface the structs are. Neither headers nor libraries of PyTorch are needed, and nothing is imported.
#pragma once
#include <algorithm>
#include <array>
#include <cstdint>
#include <optional>
#include <vector>

#include "plan/array_view.hpp"
#include "python/gil.hpp"
#include "python/objects.hpp"

namespace fastopt {

namespace dlpack {

struct Device {
    std::int32_t type, number;
};
struct Format {
    std::uint8_t code, bits;
    std::uint16_t lanes;
};
struct Tensor {
    void* data;
    Device device;
    std::int32_t ndim;
    Format format;
    std::int64_t* shape;
    std::int64_t* strides;    // in elements
    std::uint64_t byte_offset;
};
struct Table {
    std::uint32_t major, minor;
    Table* previous;
    void *allocate, *managed_from, *managed_to;
    int (*read)(void* object, Tensor* found);    // of an object that is a tensor; the fields are borrowed
    void* stream;
};

constexpr std::int32_t cpu = 1, cuda_host = 3;    // whose memory the processor reads
constexpr std::uint8_t floating = 2;

}  // namespace dlpack

class TorchTensor {
public:
    static constexpr int most_axes = 16;

    // Reads what is exactly a torch.Tensor or a torch.nn.Parameter in memory of the processor. False for all else,
    // and where this torch has no such table: that is left to Python.
    bool read(PyObject* object) {
        if (!is_exact(object)) return false;
        if (types().table->read(object, &fields_)) {
            PyErr_Clear();    // sparse, meta, in a functional transform: Python finds out which
            return false;
        }
        return (fields_.device.type == dlpack::cpu || fields_.device.type == dlpack::cuda_host) &&
               fields_.ndim <= most_axes && (fields_.data || size() == 0);
    }

    // Begins to fetch what a look reads: of an object that has come, all that it points to. To fetch harms nothing,
    // whatever the address is.
    static void fetch(PyObject* object) { __builtin_prefetch(object); }
    static void fetch_fields(PyObject* object) {
        if (!is_exact(object)) return;
        const auto* const words = reinterpret_cast<const char* const*>(object + 1);
        for (int k = 0; k < 2; ++k) {
            for (const int line : {0, 64, 128}) __builtin_prefetch(words[k] + line);
        }
    }

    const dlpack::Tensor& fields() const { return fields_; }
    char* data() const { return static_cast<char*>(fields_.data) + fields_.byte_offset; }
    std::optional<DType> dtype() const {
        const dlpack::Format format = fields_.format;
        if (format.code != dlpack::floating || format.lanes != 1) return {};
        if (format.bits == 32) return DType::float32;
        if (format.bits == 64) return DType::float64;
        return {};
    }
    std::ptrdiff_t size() const {
        std::ptrdiff_t size = 1;
        for (int k = 0; k < fields_.ndim; ++k) size *= std::ptrdiff_t(fields_.shape[k]);
        return size;
    }
    bool has_shape(Shape lengths) const {
        if (std::size_t(fields_.ndim) != lengths.size()) return false;
        for (std::size_t k = 0; k < lengths.size(); ++k) {
            if (fields_.shape[k] != lengths[k]) return false;
        }
        return true;
    }

    // What a plan sees of it, as long as this object is there.
    ArrayView view(DType dtype) {
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

    // Whether the sign or the conjugate of what lies in memory is meant, which the table does not say.
    static bool is_lazy(PyObject* tensor) {
        static PyObject* const name = PyUnicode_InternFromString("is_neg");
        PyObject* const answer =
            held_at_exit([=] { return PyObject_CallMethodNoArgs(tensor, name); });
        if (!answer) PyErr_Clear();
        const bool plain = answer == Py_False;
        Py_XDECREF(answer);
        return !plain;
    }

private:
    struct Types {
        PyTypeObject *tensor = nullptr, *parameter = nullptr;
        const dlpack::Table* table = nullptr;
    };

    static Types& types() {
        static Types found;
        return found;
    }
    static bool is_exact(PyObject* object) {
        const PyTypeObject* const type = Py_TYPE(object);
        const Types& known = types();
        if (known.table) return type == known.tensor || type == known.parameter;
        return find_types() && is_exact(object);
    }
    // Where torch has been imported, as it has by whoever has a tensor.
    static bool find_types() {
        PyObject* const torch = PyDict_GetItemString(PyImport_GetModuleDict(), "torch");
        if (!torch) return false;
        return held_at_exit([=] {
            PyObject* const tensor = PyObject_GetAttrString(torch, "Tensor");
            PyObject* const nn = tensor ? PyObject_GetAttrString(torch, "nn") : nullptr;
            PyObject* const parameter = nn ? PyObject_GetAttrString(nn, "Parameter") : nullptr;
            PyObject* const capsule =
                parameter ? PyObject_GetAttrString(tensor, "__dlpack_c_exchange_api__") : nullptr;
            auto* table = static_cast<const dlpack::Table*>(
                capsule ? PyCapsule_GetPointer(capsule, "dlpack_exchange_api") : nullptr);
            while (table && table->major != 1) table = table->previous;
            PyErr_Clear();
            Py_XDECREF(nn);
            Py_XDECREF(capsule);
            if (!table || !table->read) return false;
            // These are kept: torch does not go away before the process.
            types() = {reinterpret_cast<PyTypeObject*>(tensor),
                       reinterpret_cast<PyTypeObject*>(parameter), table};
            return true;
        });
    }

    bool contiguous(std::ptrdiff_t first, std::ptrdiff_t end, std::ptrdiff_t by) const {
        if (size() == 0) return true;
        std::int64_t step = 1;
        for (std::ptrdiff_t k = first; k != end; k += by) {
            if (fields_.shape[k] == 1) continue;
            if (fields_.strides[k] != step) return false;
            step *= fields_.shape[k];
        }
        return true;
    }

    dlpack::Tensor fields_;
    std::array<std::ptrdiff_t, most_axes> shape_, strides_;
};

// What says where tensors lie, and how: as bytes, which are equal where all is as it was. None where one cannot be
// read so.
inline PyObject* places_of(PyObject* tensors) {
    if (!PyList_Check(tensors)) {
        PyErr_SetString(PyExc_TypeError, "places takes a list");
        return nullptr;
    }
    std::vector<std::int64_t> found;
    for (Py_ssize_t i = 0; i < PyList_GET_SIZE(tensors); ++i) {
        const Py_ssize_t last = PyList_GET_SIZE(tensors) - 1;
        TorchTensor::fetch(PyList_GET_ITEM(tensors, std::min(i + 16, last)));
        TorchTensor::fetch_fields(PyList_GET_ITEM(tensors, std::min(i + 6, last)));
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

// Whether what a dict of dicts has, keys and values of the inner ones, is this list of objects, one by one. No
// object is looked at.
inline bool holds(PyObject* state, PyObject* known) {
    if (!PyDict_Check(state) || !PyList_Check(known)) return false;
    const Py_ssize_t count = PyList_GET_SIZE(known);
    Py_ssize_t i = 0;
    PyObject *key, *entry, *name, *value;
    for (Py_ssize_t at = 0; PyDict_Next(state, &at, &key, &entry);) {
        if (i >= count || PyList_GET_ITEM(known, i++) != key || !PyDict_Check(entry)) return false;
        for (Py_ssize_t in = 0; PyDict_Next(entry, &in, &name, &value);) {
            if (i + 1 >= count || PyList_GET_ITEM(known, i) != name) return false;
            if (PyList_GET_ITEM(known, i + 1) != value) return false;
            i += 2;
        }
    }
    return i == count;
}

}  // namespace fastopt
