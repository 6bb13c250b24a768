// Reads the fields of a NumPy array where they stand: no conversion, no copy, no reference count.
#pragma once
#include <pybind11/numpy.h>

#include <optional>
#include <string_view>

#include "plan/array_view.hpp"

namespace fastopt {

namespace py = pybind11;

// A view of an object's fields, for objects that are exactly numpy.ndarray or numpy.memmap: masked
// arrays, matrices and other subclasses may mean something else by their buffer.
class NdArray {
public:
    explicit NdArray(PyObject* object) : fields_(py::detail::array_proxy(object)) {}

    static bool is_exact(PyObject* object) {
        return Py_TYPE(object) == ndarray_type || Py_TYPE(object) == memmap_type;
    }
    // Also of a subclass. pybind11's own check lets the GIL go when it is first asked, and takes it back in a
    // destructor; see gil.hpp.
    static bool is_any(PyObject* object) { return PyObject_TypeCheck(object, ndarray_type); }
    // Called once, when the module is imported.
    static void find_types() {
        const auto numpy = py::module_::import("numpy");
        ndarray_type = reinterpret_cast<PyTypeObject*>(py::object(numpy.attr("ndarray")).release().ptr());
        memmap_type = reinterpret_cast<PyTypeObject*>(py::object(numpy.attr("memmap")).release().ptr());
    }

    char* data() const { return fields_->data; }
    int ndim() const { return fields_->nd; }
    // What a plan sees of it, which takes its elements for those of a dtype.
    ArrayView view(DType dtype) const {
        using py::detail::npy_api;
        return {.data = data(),
                .shape = shape(),
                .strides = fields_->strides,
                .dtype = dtype,
                .c_contiguous = has(npy_api::NPY_ARRAY_C_CONTIGUOUS_),
                .f_contiguous = has(npy_api::NPY_ARRAY_F_CONTIGUOUS_),
                .aligned = has(npy_api::NPY_ARRAY_ALIGNED_),
                .writeable = has(npy_api::NPY_ARRAY_WRITEABLE_)};
    }
    // Both orders, which is what an edit of the strides can change, and whether it can be written.
    int orders_and_writeable() const {
        using py::detail::npy_api;
        return fields_->flags & (npy_api::NPY_ARRAY_C_CONTIGUOUS_ | npy_api::NPY_ARRAY_F_CONTIGUOUS_ |
                                 npy_api::NPY_ARRAY_WRITEABLE_);
    }
    bool owns_memory() const { return has(py::detail::npy_api::NPY_ARRAY_OWNDATA_); }

    // Nothing for a dtype that has no kernels, in particular for one of foreign byte order.
    std::optional<DType> dtype() const {
        const int type = native_type();
        if (type == py::detail::npy_api::NPY_FLOAT_) return DType::float32;
        if (type == py::detail::npy_api::NPY_DOUBLE_) return DType::float64;
        return {};
    }
    // Also those that gradients can be cast from, and copies have: by the name of NumPy's type, or that of
    // ml_dtypes, whose types have other numbers in each process.
    std::optional<DType> format() const {
        const int type = native_type();
        if (type < 0) return {};
        if (type == last_type) return last_format;
        const auto* descr = py::detail::array_descriptor_proxy(fields_->descr);
        const std::string_view path = reinterpret_cast<PyTypeObject*>(descr->typeobj)->tp_name;
        const std::string_view name = path.substr(path.rfind('.') + 1);
        last_type = type;
        last_format = {};
        for (int k = 0; k < dtype_count; ++k) {
            if (name == dtype_names[k] && item() == itemsize(DType(k))) last_format = DType(k);
        }
        return last_format;
    }
    std::ptrdiff_t size() const {
        std::ptrdiff_t size = 1;
        for (const std::ptrdiff_t length : shape()) size *= length;
        return size;
    }
    std::size_t item() const {
        return std::size_t(py::detail::array_descriptor2_proxy(fields_->descr)->elsize);
    }
    std::size_t bytes() const {
        return std::size_t(size()) * item();
    }
    Shape shape() const { return {fields_->dimensions, std::size_t(ndim())}; }
    bool has_shape(Shape lengths) const {
        if (std::size_t(ndim()) != lengths.size()) return false;
        for (std::size_t k = 0; k < lengths.size(); ++k) {
            if (fields_->dimensions[k] != lengths[k]) return false;
        }
        return true;
    }

    // Begins to fetch the fields from memory; then, when they have come, the lengths of the axes.
    void fetch() const {
        __builtin_prefetch(fields_);
        __builtin_prefetch(reinterpret_cast<const char*>(fields_) + 64);
    }
    void fetch_lengths() const { __builtin_prefetch(fields_->dimensions); }

    // NumPy's number of the dtype; -1 for one of foreign byte order.
    int native_type() const {
        const auto* descr = py::detail::array_descriptor_proxy(fields_->descr);
        return descr->byteorder == '=' ? descr->type_num : -1;
    }

private:
    bool has(int flag) const { return (fields_->flags & flag) != 0; }

    inline static PyTypeObject* ndarray_type = nullptr;
    inline static PyTypeObject* memmap_type = nullptr;
    inline static int last_type = -1;    // whose format was looked for last
    inline static std::optional<DType> last_format;
    const py::detail::PyArray_Proxy* fields_;
};

}  // namespace fastopt
