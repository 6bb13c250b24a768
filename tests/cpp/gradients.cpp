// Gradients of any layout, read through a tile: the update must be the one with a contiguous copy, and
// zeroing must touch the gradient's elements alone.
#include <memory>
#include <string>
#include <utility>

#include "buffer.hpp"
#include "parts.hpp"
#include "tiles.hpp"

namespace driver {
namespace {

using fastopt::DType;
using fastopt::Kernel;
using fastopt::StridedGradient;
using Lengths = std::vector<std::ptrdiff_t>;
namespace numpy = pybind11::detail;

std::size_t count(const Lengths& shape) {
    std::size_t elements = 1;
    for (const std::ptrdiff_t length : shape) elements *= std::size_t(length);
    return elements;
}

// An array as NumPy would describe it, in an exact buffer: the axes lie in memory in the order that is
// given, innermost last, with this many elements from one to the next, backwards where it is negative.
struct Gradient {
    Lengths shape, strides;
    std::unique_ptr<Buffer> buffer;
    std::size_t first = 0;    // the byte where element (0, 0, ...) begins

    Gradient(const Lengths& lengths, const std::vector<std::size_t>& order, std::ptrdiff_t step,
             std::ptrdiff_t item)
        : shape(lengths), strides(lengths.size()) {
        std::ptrdiff_t stride = item * std::abs(step), last = 0;
        for (std::size_t k = order.size(); k-- > 0;) {
            strides[order[k]] = step < 0 ? -stride : stride;
            last += stride * (shape[order[k]] - 1);
            stride *= shape[order[k]];
        }
        buffer = std::make_unique<Buffer>(std::size_t(last + item), std::size_t(item));
        if (step < 0) first = std::size_t(last);
    }

    // The byte of each element, in the order of the parameter's memory.
    std::vector<std::size_t> places(bool fortran) const {
        std::vector<std::size_t> found;
        for (std::size_t element = 0; element < count(shape); ++element) {
            std::size_t rest = element;
            auto place = std::ptrdiff_t(first);
            for (std::size_t i = 0; i < shape.size(); ++i) {
                const std::size_t k = fortran ? i : shape.size() - 1 - i;
                place += std::ptrdiff_t(rest % std::size_t(shape[k])) * strides[k];
                rest /= std::size_t(shape[k]);
            }
            found.push_back(std::size_t(place));
        }
        return found;
    }
    numpy::PyArray_Proxy fields() {
        numpy::PyArray_Proxy proxy{};
        proxy.data = buffer->data() + first;
        proxy.nd = int(shape.size());
        proxy.dimensions = shape.data();
        proxy.strides = strides.data();
        return proxy;
    }
};

void fill(Gradient& gradient, DType dtype) {
    Numbers numbers(13);
    if (itemsize(dtype) == 2) {    // as bits: small positive numbers of either dtype
        for (std::size_t i = 0; i + 2 <= gradient.buffer->size(); i += 2) {
            const auto bits = std::uint16_t(0x3000 + numbers.bits() % 0xa00);
            std::memcpy(gradient.buffer->data() + i, &bits, sizeof bits);
        }
    } else {
        gradient.buffer->fill(dtype, numbers, -2.0, 2.0);
    }
}

// One layout, with a kernel of a level: gradients of `dtype` beside parameters of the kernel's.
void compare(const Kernel& kernel, Gradient& gradient, DType dtype, bool fortran) {
    fill(gradient, dtype);
    const std::size_t item = itemsize(kernel.dtype), elements = count(gradient.shape);
    const auto places = gradient.places(fortran);
    Buffer same(elements * item), read(elements * item), p(elements * item), expected(elements * item);
    Numbers numbers(17);
    p.fill(kernel.dtype, numbers, -1.0, 1.0);
    expected.copy_from(p);
    for (std::size_t i = 0; i < elements; ++i) {
        const char* from = gradient.buffer->data() + places[i];
        kernel.common->gather[int(dtype)](from, 0, 0, 1, 1, same.data() + i * item);
    }
    auto fields = gradient.fields();
    const StridedGradient strided(fastopt::NdArray(&fields), dtype, fortran, kernel.dtype);
    CHECK(!strided.overlaps_itself());

    strided.read(kernel, 0, std::ptrdiff_t(elements), read.data());
    CHECK(read.begins(same));

    // The sums of squares of Adagrad are its state; the scalars are small numbers.
    Buffer scalars((fastopt::decay_scalars + std::size_t(kernel.coefficients) + 1) * item);
    scalars.fill(kernel.dtype, numbers, 0.1, 0.5);
    std::vector<std::unique_ptr<Buffer>> states, states_expected;
    std::vector<char*> at;
    std::vector<void*> at_expected;
    for (int s = 0; s < kernel.states; ++s) {
        for (auto* list : {&states, &states_expected}) {
            list->push_back(std::make_unique<Buffer>(elements * item));
            Numbers again(19);
            list->back()->fill(kernel.dtype, again, 0.5, 1.0);
        }
        at.push_back(states.back()->data());
        at_expected.push_back(states_expected.back()->data());
    }
    const fastopt::Extras extras{};
    const fastopt::Finish finish{kernel.common, item, nullptr, nullptr, nullptr, nullptr, &extras};
    const std::ptrdiff_t half = strided.blocks() / 2;
    strided.run(kernel, kernel.sweep[2], scalars.data(), p.data(), at.data(), finish, false, half,
                strided.blocks());
    strided.run(kernel, kernel.sweep[2], scalars.data(), p.data(), at.data(), finish, true, 0, half);
    kernel.sweep[2](scalars.data(), expected.data(), same.data(), at_expected.data(),
                    std::ptrdiff_t(elements));
    CHECK(p.begins(expected));
    for (std::size_t s = 0; s < states.size(); ++s) CHECK(states[s]->begins(*states_expected[s]));

    // Half is zeroed by the run, all by zero(); what lies between the elements stays.
    Buffer clean(gradient.buffer->size());
    fill(gradient, dtype);
    clean.copy_from(*gradient.buffer);
    for (const std::size_t place : places) std::memset(clean.data() + place, 0, itemsize(dtype));
    strided.zero(0, std::ptrdiff_t(elements));
    CHECK(gradient.buffer->begins(clean));
}

const std::vector<std::pair<Lengths, std::vector<std::vector<std::size_t>>>> layouts = {
    {{1}, {{0}}},
    {{37}, {{0}}},
    {{3, 5}, {{0, 1}, {1, 0}}},
    {{64, 64}, {{0, 1}, {1, 0}}},
    {{33, 130}, {{0, 1}, {1, 0}}},
    {{257, 31}, {{0, 1}, {1, 0}}},
    {{2, 20'000}, {{1, 0}}},
    {{20'000, 2}, {{1, 0}}},
    {{1, 17, 1}, {{2, 1, 0}}},
    {{5, 17, 9}, {{0, 1, 2}, {0, 2, 1}, {1, 0, 2}, {1, 2, 0}, {2, 0, 1}, {2, 1, 0}}},
    {{3, 4, 5, 6}, {{3, 1, 0, 2}, {1, 3, 2, 0}}},
};

}  // namespace

void gradients() {
    long compared = 0;
    for (const fastopt::KernelTable* level : tables()) {
        for (int number = 0; number < level->count; ++number) {
            const Kernel& kernel = level->kernels[number];
            if (std::string(kernel.rule) != "adam") continue;
            for (const auto& [shape, orders] : layouts) {
                for (const auto& order : orders) {
                    for (int dtype = 0; dtype < fastopt::dtype_count; ++dtype) {
                        const auto item = std::ptrdiff_t(itemsize(DType(dtype)));
                        for (const int step : {1, 3, -1}) {
                            for (const bool fortran : {false, true}) {
                                Gradient gradient(shape, order, step, item);
                                compare(kernel, gradient, DType(dtype), fortran);
                                ++compared;
                            }
                        }
                    }
                }
            }
        }
    }
    std::printf("gradients: %ld layouts gave the bits of contiguous copies\n", compared);
}

}  // namespace driver
