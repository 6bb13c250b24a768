// Arrays that a plan writes and a caller has, and how they were when they were bound: a step looks
// whether they still are. Each look is at memory that is far away, so it is fetched ahead.
#pragma once
#include <algorithm>
#include <cstddef>
#include <utility>
#include <vector>

#include "python/ndarray.hpp"

namespace fastopt {

class KeptArray {
public:
    KeptArray(py::object array, std::size_t parameter)
        : array_(std::move(array)), parameter_(parameter) {}

    // The number of the parameter that it is, or that it is written with.
    std::size_t parameter() const { return parameter_; }

    // Begins to fetch what a look is at; the lengths, when the array itself has come.
    void fetch() const { now().fetch(); }
    void fetch_lengths() const { now().fetch_lengths(); }

protected:
    NdArray now() const { return NdArray(array_.ptr()); }

    py::object array_;

private:
    std::size_t parameter_;
};

class BoundArray : public KeptArray {
public:
    // `shape` is the array's, in memory that stays.
    BoundArray(py::handle array, Shape shape, std::size_t parameter)
        : KeptArray(py::reinterpret_borrow<py::object>(array), parameter),
          data_(now().data()),
          shape_(shape),
          type_(now().native_type()),
          flags_(now().orders_and_writeable()) {}

    bool unchanged() const {
        const NdArray found = now();
        return found.data() == data_ && found.has_shape(shape_) &&
               found.orders_and_writeable() == flags_ && found.native_type() == type_;
    }

private:
    const char* data_;
    Shape shape_;
    int type_, flags_;
};

// The array that owns the memory of views: they keep their addresses when other memory is put under it.
class Owner : public KeptArray {
public:
    Owner(py::object array, std::size_t parameter)
        : KeptArray(std::move(array), parameter), memory_(now().data()), bytes_(now().bytes()) {}

    // The owner of a view's memory; nothing for what owns its own, and for memory that is no array's.
    // fastopt.arrays follows the same way.
    static py::object of(py::handle array) {
        auto found = py::reinterpret_borrow<py::object>(array);
        while (found && !found.is_none()) {
            if (NdArray::is_any(found.ptr())) {
                if (NdArray(found.ptr()).owns_memory()) return found.is(array) ? py::object() : found;
                found = found.attr("base");
            } else if (PyMemoryView_Check(found.ptr())) {
                found = py::getattr(found, "obj", py::none());    // none where it has been released
            } else {
                found = py::getattr(found, "base", py::none());
                if (!NdArray::is_any(found.ptr())) break;
            }
        }
        return {};
    }

    // Some order, in which each owner is beside itself.
    bool before(const Owner& other) const { return array_.ptr() < other.array_.ptr(); }

    bool unchanged() const { return now().data() == memory_ && now().bytes() == bytes_; }

private:
    const char* memory_;
    std::size_t bytes_;
};

// The first of these that is not as it was, or null.
template <class Kept> const Kept* first_changed(const std::vector<Kept>& all) {
    constexpr std::size_t near = 12, far = 32;    // how far ahead lengths and arrays are fetched
    const std::size_t count = all.size();
    if (count == 0) return nullptr;
    for (std::size_t k = 0; k < count; ++k) {
        all[std::min(k + far, count - 1)].fetch();
        all[std::min(k + near, count - 1)].fetch_lengths();
        if (!all[k].unchanged()) return &all[k];
    }
    return nullptr;
}

}  // namespace fastopt
