// Compares element by element, and what lies around the elements byte by byte.
#include "fuzz/compare.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "fuzz/failure.hpp"

namespace driver::fuzz {
namespace {

void compare(DType dtype, const Memory& memory, const std::vector<char>& expected, const char* name,
             const char* where, double tiny = 0.0) {
    if (!memory.is_alone()) fail("%s: bytes beside %s were written", where, name);
    if (std::equal(expected.begin(), expected.end(), memory.data())) return;    // mostly
    const std::size_t item = itemsize(dtype);
    for (std::size_t place = 0; place < memory.bytes(); place += item) {
        const char *const found = memory.data() + place, *const wanted = expected.data() + place;
        if (same(dtype, found, wanted)) continue;
        if (std::fabs(value(dtype, found)) < tiny && std::fabs(value(dtype, wanted)) < tiny) continue;
        fail("%s: element %zu of %s is %.17g, and should be %.17g", where, place / item, name,
             value(dtype, found), value(dtype, wanted));
    }
}

// Of a stream in few bits: what it holds, where that is a number, and what stands beside it.
void compare_stored(const Subject& subject, const Expected& expected, std::size_t k, const char* where) {
    const Storage how = subject.stored.streams[k].how;
    const std::vector<char>& elements = expected.arrays[k == 0 ? 0 : k + 2];
    const Memory &memory = subject.stream(k), &beside = subject.beside[k];
    if (fastopt::storage_sizes[int(how)].bytes == 1) {
        if (!memory.is_alone()) fail("%s: bytes beside codes were written", where);
        for (std::size_t i = 0; i < elements.size(); ++i) {
            if (memory.data()[i] == elements[i]) continue;
            fail("%s: code %zu is %d, and should be %d", where, i, memory.data()[i] & 255, elements[i] & 255);
        }
    } else {
        const DType dtype = how == Storage::master ? DType::float16 : DType::bfloat16;
        compare(dtype, memory, elements, "few bits", where);
    }
    const std::vector<char>& rest = expected.beside[k];
    if (how != Storage::split) return compare(DType::float32, beside, rest, "what is beside", where);
    if (!beside.is_alone()) fail("%s: bytes beside differences were written", where);
    if (!std::equal(rest.begin(), rest.end(), beside.data())) fail("%s: differences are others", where);
}

}  // namespace

void compare(const Subject& subject, const Expected& expected, const char* where, bool flush) {
    // What a rule does not compute with stays subnormal, or becomes 0, as the loop is made.
    const double smallest = subject.dtype == DType::float32 ? double(std::numeric_limits<float>::min())
                                                            : std::numeric_limits<double>::min();
    const char* const names[] = {"the parameter", "the slow weights", "the average", "a state"};
    const std::vector<const Memory*> written = subject.written();
    for (std::size_t k = 0; k < written.size(); ++k) {
        const std::size_t stream = k == 0 ? 0 : k - 2;    // of those that are one
        if (k != 1 && k != 2 && subject.stored.has(stream)) {
            compare_stored(subject, expected, stream, where);
            continue;
        }
        compare(subject.dtype, *written[k], expected.arrays[k], names[std::min<std::size_t>(k, 3)], where,
                flush ? smallest : 0.0);
    }
    compare(subject.copied, subject.copy, expected.copy, "the copy", where);
    if (subject.gradient && !subject.gradient->memory.is(expected.gradient)) {
        fail("%s: the gradient, or what lies between its elements, is not as it should be", where);
    }
}

}  // namespace driver::fuzz
