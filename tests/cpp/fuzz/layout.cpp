// Layouts: contiguous, and drawn.
#include "fuzz/layout.hpp"

#include <algorithm>
#include <cstdint>
#include <numeric>

namespace driver::fuzz {
namespace {

// Whether elements follow each other, the last axis innermost or the first; lengths of 1 do not matter.
bool follows(const Layout& layout, std::ptrdiff_t item, bool fortran) {
    if (elements_of(layout.shape) == 0) return true;
    std::ptrdiff_t expected = item;
    for (std::size_t i = 0; i < layout.shape.size(); ++i) {
        const std::size_t k = fortran ? i : layout.shape.size() - 1 - i;
        if (layout.shape[k] == 1) continue;
        if (layout.strides[k] != expected) return false;
        expected *= layout.shape[k];
    }
    return true;
}

}  // namespace

std::ptrdiff_t elements_of(const Lengths& shape) {
    std::ptrdiff_t elements = 1;
    for (const std::ptrdiff_t length : shape) elements *= length;
    return elements;
}

Layout Layout::contiguous(const Lengths& shape, std::size_t item, bool fortran) {
    Layout layout{.shape = shape, .strides = shape};
    auto stride = std::ptrdiff_t(item);
    for (std::size_t i = 0; i < shape.size(); ++i) {
        const std::size_t k = fortran ? i : shape.size() - 1 - i;
        layout.strides[k] = stride;
        stride *= shape[k];
    }
    layout.bytes = std::size_t(elements_of(shape)) * item;
    return layout;
}

Layout Layout::drawn(Random& random, const Lengths& shape, std::size_t item, bool may_repeat) {
    Layout layout{.shape = shape, .strides = shape};
    std::vector<std::size_t> order(shape.size());
    std::iota(order.begin(), order.end(), std::size_t(0));
    if (random.one_in(2)) random.shuffle(order);
    const bool gaps = random.one_in(3), reversed = random.one_in(3), repeating = random.one_in(4);
    std::ptrdiff_t last = 0;    // how far the last element is from the first one in memory
    for (const std::size_t k : order) {
        std::ptrdiff_t& stride = layout.strides[k];
        if (shape[k] == 1) {    // never taken: anything can stand there
            stride = std::ptrdiff_t(item) * (random.below(2'000'000) - 1'000'000);
            continue;
        }
        if (may_repeat && repeating && random.one_in(2)) {
            stride = 0;
            layout.repeats = true;
            continue;
        }
        stride = last + std::ptrdiff_t(item);    // as close as it can be without an overlap
        // Gaps of whole elements, as slices have them; of the fields of records, of bytes.
        if (gaps) stride += random.one_in(4) ? random.below(7) : random.below(3) * std::ptrdiff_t(item);
        const std::ptrdiff_t reach = stride * std::max<std::ptrdiff_t>(shape[k] - 1, 0);
        last += reach;
        if (reversed && random.one_in(2)) {
            stride = -stride;
            layout.first += reach;
        }
    }
    const bool any = elements_of(shape) > 0;
    if (!any) layout.first = 0;
    layout.bytes = any ? std::size_t(last) + item : 0;
    return layout;
}

std::vector<std::ptrdiff_t> Layout::places(bool fortran) const {
    std::vector<std::ptrdiff_t> found;
    const std::ptrdiff_t elements = elements_of(shape);
    found.reserve(std::size_t(elements));
    for (std::ptrdiff_t element = 0; element < elements; ++element) {
        std::ptrdiff_t rest = element, place = first;
        for (std::size_t i = 0; i < shape.size(); ++i) {
            const std::size_t k = fortran ? i : shape.size() - 1 - i;
            place += rest % shape[k] * strides[k];
            rest /= shape[k];
        }
        found.push_back(place);
    }
    return found;
}

fastopt::ArrayView Layout::view(char* memory, fastopt::DType dtype, bool writeable) const {
    const auto item = std::ptrdiff_t(itemsize(dtype));
    char* const data = memory + first;
    bool aligned = reinterpret_cast<std::uintptr_t>(data) % std::size_t(item) == 0;
    for (std::size_t k = 0; k < shape.size(); ++k) {
        aligned &= shape[k] == 1 || strides[k] % item == 0;
    }
    return {.data = data,
            .shape = shape,
            .strides = strides.data(),
            .dtype = dtype,
            .c_contiguous = follows(*this, item, false),
            .f_contiguous = follows(*this, item, true),
            .aligned = aligned,
            .writeable = writeable};
}

}  // namespace driver::fuzz
