#include "python/swapping.hpp"

#include <algorithm>
#include <stdexcept>
#include <vector>

#include "python/gil.hpp"

namespace fastopt {

void swap(const py::list& some, const py::list& others, const Changes& changes) {
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
    changes.apply();
}

}  // namespace fastopt
