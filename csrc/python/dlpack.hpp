// CPU tensors of PyTorch, read where they lie by the table of functions that their type has: DLPack 1.3, whose C
// interface the structs are. Neither headers nor libraries of PyTorch are needed, and nothing is imported.
#pragma once
#include <array>
#include <cstdint>
#include <optional>

#include "plan/array_view.hpp"
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

}  // namespace dlpack

class TorchTensor {
public:
    static constexpr int most_axes = 16;

    // Reads what is exactly a torch.Tensor or a torch.nn.Parameter in memory of the processor. False for all else,
    // and where this torch has no such table: that is left to Python.
    bool read(PyObject* object);

    // Begins to fetch what a look reads: of an object that has come, all that it points to. To fetch harms nothing,
    // whatever the address is.
    static void fetch(PyObject* object) { __builtin_prefetch(object); }
    static void fetch_fields(PyObject* object);

    const dlpack::Tensor& fields() const { return fields_; }
    char* data() const { return static_cast<char*>(fields_.data) + fields_.byte_offset; }
    std::optional<DType> dtype() const;
    bool has_shape(Shape lengths) const;

    // What a plan sees of it, as long as this object is there.
    ArrayView view(DType dtype);

    // Whether the sign or the conjugate of what lies in memory is meant, which the table does not say.
    static bool is_lazy(PyObject* tensor);

private:
    std::ptrdiff_t size() const;
    bool contiguous(std::ptrdiff_t first, std::ptrdiff_t end, std::ptrdiff_t by) const;

    dlpack::Tensor fields_;
    std::array<std::ptrdiff_t, most_axes> shape_, strides_;
};

// What says where tensors lie, and how: as bytes, which are equal where all is as it was. None where one cannot be
// read so.
PyObject* places_of(PyObject* tensors);

// Whether what a dict of dicts has, keys and values of the inner ones, is this list of objects, one by one. No
// object is looked at.
bool holds(PyObject* state, PyObject* expected);

}  // namespace fastopt
