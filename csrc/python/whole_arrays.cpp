// Signals smoothed and arrays swapped, without the GIL.
#include "python/whole_arrays.hpp"

#include <algorithm>
#include <stdexcept>
#include <vector>

#include "plan/smoothing.hpp"
#include "python/gil.hpp"

namespace fastopt {

void smooth_signal(const py::object& signal, const py::object& out, const py::object& state,
                   double beta, const py::object& corrections) {
    const NdArray x(signal.ptr());
    const Signal read{x.data(),
                      NdArray(out.ptr()).data(),
                      NdArray(state.ptr()).data(),
                      corrections.is_none() ? nullptr : NdArray(corrections.ptr()).data(),
                      x.shape()[0],
                      x.shape()[1],
                      x.shape()[2]};
    const DType dtype = x.dtype() == DType::float32 ? DType::float32 : DType::float64;
    without_gil([&]() noexcept { smooth(dtype, read, beta); });
}

void swap(const py::list& some, const py::list& others, const Commit& commit) {
    if (some.size() != others.size()) throw std::invalid_argument("swap takes lists of one length");
    struct Pair {
        char *a, *b;
        std::size_t bytes;
    };
    std::vector<Pair> pairs;
    for (std::size_t i = 0; i < some.size(); ++i) {
        const NdArray a(py::object(some[i]).ptr()), b(py::object(others[i]).ptr());
        const auto dtype = a.dtype();
        if (!dtype || b.dtype() != dtype || !b.has_shape(a.shape())) {
            throw std::invalid_argument("swap takes arrays of one dtype and shape");
        }
        pairs.push_back({a.data(), b.data(), std::size_t(a.size()) * itemsize(*dtype)});
    }
    without_gil([&]() noexcept {
        for (const auto& [a, b, bytes] : pairs) std::swap_ranges(a, a + bytes, b);
    });
    commit.apply();
}

}  // namespace fastopt
