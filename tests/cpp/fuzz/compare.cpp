// Compares element by element, and what lies around the elements byte by byte.
#include "fuzz/compare.hpp"

#include <algorithm>

#include "fuzz/failure.hpp"

namespace driver::fuzz {
namespace {

void compare(DType dtype, const Memory& memory, const std::vector<char>& expected, const char* name,
             const char* where) {
    if (!memory.is_alone()) fail("%s: bytes beside %s were written", where, name);
    if (std::equal(expected.begin(), expected.end(), memory.data())) return;    // mostly
    const std::size_t item = itemsize(dtype);
    for (std::size_t place = 0; place < memory.bytes(); place += item) {
        const char *const found = memory.data() + place, *const wanted = expected.data() + place;
        if (same(dtype, found, wanted)) continue;
        fail("%s: element %zu of %s is %.17g, and should be %.17g", where, place / item, name,
             value(dtype, found), value(dtype, wanted));
    }
}

}  // namespace

void compare(const Subject& subject, const Expected& expected, const char* where) {
    const char* const names[] = {"the parameter", "the slow weights", "the average", "a state"};
    const std::vector<const Memory*> written = subject.written();
    for (std::size_t k = 0; k < written.size(); ++k) {
        compare(subject.dtype, *written[k], expected.arrays[k], names[std::min<std::size_t>(k, 3)], where);
    }
    compare(subject.copied, subject.copy, expected.copy, "the copy", where);
    if (subject.gradient && !subject.gradient->memory.is(expected.gradient)) {
        fail("%s: the gradient, or what lies between its elements, is not as it should be", where);
    }
}

}  // namespace driver::fuzz
