// An array that a plan writes, and how it was when it was bound: a step looks whether it still is.
#pragma once
#include <cstddef>
#include <vector>

#include "ndarray.hpp"

namespace fastopt {

class BoundArray {
public:
    explicit BoundArray(py::handle array)
        : array_(py::reinterpret_borrow<py::object>(array)), owner_(owner_of(array)) {
        const NdArray found(array.ptr());
        data_ = found.data();
        type_ = found.native_type();
        contiguous_ = found.contiguous();
        if (owner_) {
            const NdArray owner(owner_.ptr());
            memory_ = owner.data();
            memory_bytes_ = owner.bytes();
        }
    }

    const py::object& array() const { return array_; }

    // Begins to fetch what `unchanged` will look at: it is spread over all of memory.
    void fetch() const {
        __builtin_prefetch(array_.ptr());
        __builtin_prefetch(reinterpret_cast<const char*>(array_.ptr()) + 64);
        if (owner_) __builtin_prefetch(owner_.ptr());
    }

    // A view keeps its address when other memory is put under the array that it is a view of.
    bool unchanged(const std::vector<std::ptrdiff_t>& shape) const {
        const NdArray now(array_.ptr());
        if (now.data() != data_ || !now.has_shape(shape) || !now.writeable() ||
            now.native_type() != type_ || now.contiguous() != contiguous_) {
            return false;
        }
        if (!owner_) return true;
        const NdArray owner(owner_.ptr());
        return owner.data() == memory_ && owner.bytes() == memory_bytes_;
    }

private:
    // The array that owns the memory of a view; nothing for what owns its own, and for memory that is no
    // array's. fastopt.holding follows the same way.
    static py::object owner_of(py::handle array) {
        auto found = py::reinterpret_borrow<py::object>(array);
        while (found && !found.is_none()) {
            if (py::isinstance<py::array>(found)) {
                if (NdArray(found.ptr()).owns_memory()) return found.is(array) ? py::object() : found;
                found = found.attr("base");
            } else if (PyMemoryView_Check(found.ptr())) {
                found = py::getattr(found, "obj", py::none());    // none where it has been released
            } else {
                found = py::getattr(found, "base", py::none());
                if (!py::isinstance<py::array>(found)) break;
            }
        }
        return {};
    }

    py::object array_, owner_;
    const char* data_;
    const char* memory_ = nullptr;
    std::size_t memory_bytes_ = 0;
    int type_, contiguous_;
};

}  // namespace fastopt
