// The little of pybind11 that csrc/shares.cpp asks for: without an interpreter there is no GIL.
#pragma once

namespace pybind11 {

struct gil_scoped_release {
    gil_scoped_release() {}
    ~gil_scoped_release() {}
};

}  // namespace pybind11
