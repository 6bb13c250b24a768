// The little of pybind11 that csrc/ndarray.hpp asks for: the fields of an array, here made by hand.
#pragma once
#include <cstddef>

struct PyTypeObject {};
struct PyObject {
    PyTypeObject* type;
};
inline PyTypeObject* Py_TYPE(PyObject* object) { return object->type; }

namespace pybind11 {

struct handle {
    PyObject* ptr() const { return nullptr; }
};
struct object : handle {
    object() = default;
    handle release() { return {}; }
};
struct module_ {
    static module_ import(const char*) { return {}; }
    object attr(const char*) const { return {}; }
};

namespace detail {

struct npy_api {
    enum {
        NPY_ARRAY_C_CONTIGUOUS_ = 1,
        NPY_ARRAY_F_CONTIGUOUS_ = 2,
        NPY_ARRAY_ALIGNED_ = 4,
        NPY_ARRAY_WRITEABLE_ = 8,
        NPY_ARRAY_OWNDATA_ = 16
    };
    enum { NPY_USHORT_ = 4, NPY_FLOAT_ = 11, NPY_DOUBLE_ = 12 };
};
struct PyArrayDescr_Proxy {
    char byteorder;
    int type_num;
    std::ptrdiff_t elsize = 0;    // nothing that is driven asks for it
};
struct PyArray_Proxy : PyObject {
    char* data;
    int nd;
    std::ptrdiff_t* dimensions;
    std::ptrdiff_t* strides;
    PyArrayDescr_Proxy* descr;
    int flags;
};
inline PyArray_Proxy* array_proxy(PyObject* object) { return static_cast<PyArray_Proxy*>(object); }
inline PyArrayDescr_Proxy* array_descriptor_proxy(PyArrayDescr_Proxy* descr) { return descr; }
inline PyArrayDescr_Proxy* array_descriptor2_proxy(PyArrayDescr_Proxy* descr) { return descr; }

}  // namespace detail
}  // namespace pybind11
