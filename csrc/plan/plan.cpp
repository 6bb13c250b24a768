#include "plan/plan.hpp"

#include <algorithm>
#include <stdexcept>

#include "plan/partition.hpp"
#include "dispatch/levels.hpp"

namespace fastopt {
namespace {

// Of an element, in all streams: parameter, gradient, states.
std::size_t bytes_each(const Kernel& kernel) {
    return itemsize(kernel.dtype) * std::size_t(kernel.states + 2);
}

py::object first_of(py::handle entry) { return py::reinterpret_borrow<py::tuple>(entry)[0]; }

const Kernel& kernel_of(const py::handle& rule, DType dtype) {
    if (py::isinstance<py::str>(rule)) return find_kernel(rule.cast<std::string>(), dtype);
    const Kernel& kernel = rule.cast<const OwnKernel&>().kernel;
    if (kernel.dtype != dtype) throw std::invalid_argument("a kernel has another dtype");
    return kernel;
}

}  // namespace

OwnKernel::OwnKernel(std::string given, const std::string& dtype, int states, int coefficients,
                     const std::vector<std::uintptr_t>& sweeps)
    : name(std::move(given)),
      // What is the same for every rule of a dtype comes from one of ours.
      kernel(find_kernel("sgd", dtype == "float32" ? DType::float32 : DType::float64)) {
    if (states > max_states) throw std::invalid_argument("a rule can have 8 states");
    kernel.rule = name.c_str();
    kernel.states = states;
    kernel.coefficients = coefficients;
    for (int s = 0; s < stage_count; ++s) {
        kernel.sweep[s] = reinterpret_cast<Sweep>(sweeps.at(std::size_t(s)));
        kernel.sweep_all[s] = nullptr;
    }
}

Plan::Plan(const py::list& arrays, const py::list& rules, std::vector<int> rows) {
    if (rules.size() != arrays.size() || rows.size() != arrays.size()) {
        throw std::invalid_argument("a plan needs a rule and a row for every parameter");
    }
    arrays_.reserve(arrays.size());
    std::size_t axes = 0;
    for (const py::handle entry : arrays) axes += NdArray(first_of(entry).ptr()).shape().size();
    lengths_.reserve(axes);    // shapes point into it
    for (std::size_t i = 0; i < arrays.size(); ++i) {
        const py::tuple entry = arrays[i];
        const NdArray parameter(first_of(entry).ptr());
        const auto dtype = parameter.dtype();
        if (!dtype) throw std::invalid_argument("a plan takes float32 and float64");
        Array array{.parameter = first_of(entry).ptr(),
                    .shape = keep_lengths(parameter.shape()),
                    .size = parameter.size(),
                    .kernel = &kernel_of(rules[i], *dtype),
                    .fortran = !parameter.c_contiguous(),
                    .assigned = rows[i],
                    .p = parameter.data(),
                    .states = {},
                    .rule = rules[i]};
        if (std::size_t(array.kernel->states) + 1 != entry.size()) {
            throw std::invalid_argument(std::string("the rule ") + array.kernel->rule +
                                        " has another number of states");
        }
        const std::size_t bytes = std::size_t(array.size) * itemsize(*dtype);
        for (std::size_t s = 0; s < entry.size(); ++s) {
            const NdArray written(entry[s].ptr());
            if (written.dtype() != dtype || !written.has_shape(array.shape) ||
                !(array.fortran ? written.f_contiguous() : written.c_contiguous())) {
                throw std::invalid_argument("a state has another dtype or layout");
            }
            will_write(entry[s], bytes, i);
            if (s > 0) array.states[s - 1] = written.data();
        }
        bound_.emplace_back(entry[0], array.shape, i);
        arrays_.push_back(std::move(array));
    }
    arrange();
    cut();
}

Shape Plan::keep_lengths(Shape shape) {
    const auto first = lengths_.insert(lengths_.end(), shape.begin(), shape.end());
    return {first, lengths_.end()};
}

void Plan::will_write(py::handle array, std::size_t bytes, std::size_t parameter) {
    kept_.push_back(py::reinterpret_borrow<py::object>(array));
    if (py::object owner = Owner::of(array)) owners_.emplace_back(std::move(owner), parameter);
    const char* const data = NdArray(array.ptr()).data();
    if (bytes) written_.emplace_back(data, data + bytes);
}

void Plan::arrange() {
    std::sort(written_.begin(), written_.end());
    std::sort(owners_.begin(), owners_.end(), [](const Owner& a, const Owner& b) { return a.before(b); });
    const auto same = [](const Owner& a, const Owner& b) { return !a.before(b); };
    owners_.erase(std::unique(owners_.begin(), owners_.end(), same), owners_.end());
}

// Chunk edges depend on the sizes alone. Small arrays that follow each other share a chunk.
void Plan::cut() {
    Extent extent;
    for (const Array& array : arrays_) extent.add(array.size, bytes_each(*array.kernel));
    spans_.reserve(extent.spans());
    std::size_t total = 0, held = 0;
    chunks_ = {0};
    bytes_ = {0};
    for (Array& array : arrays_) {
        const std::size_t each = bytes_each(*array.kernel);
        for (std::ptrdiff_t begin = 0, end = 0; begin < array.size; begin = end) {
            end = end_of_piece(begin, longest_span(each), array.size);
            const std::size_t bytes = std::size_t(end - begin) * each;
            if (held > 0 && held + bytes > chunk_bytes) {
                chunks_.push_back(std::uint32_t(spans_.size()));
                bytes_.push_back(total);
                held = 0;
            }
            spans_.push_back({&array, begin, end});
            held += bytes;
            total += bytes;
        }
    }
    if (held > 0) {
        chunks_.push_back(std::uint32_t(spans_.size()));
        bytes_.push_back(total);
    }
}

void Plan::assign(const std::vector<int>& rows) {
    for (std::size_t i = 0; i < arrays_.size(); ++i) arrays_[i].assigned = rows.at(i);
}

void Plan::attach(const py::object& slow, const py::object& averages, const py::object& copies,
                  const std::vector<bool>& halves) {
    for (const auto& [given, place] : {std::pair(slow, &Array::slow), std::pair(averages, &Array::average),
                                       std::pair(copies, &Array::copy)}) {
        if (given.is_none()) continue;
        const bool is_copy = place == &Array::copy;
        const auto list = given.cast<py::list>();
        for (std::size_t i = 0; i < arrays_.size(); ++i) {
            Array& array = arrays_[i];
            const NdArray attached(py::object(list[i]).ptr());
            array.*place = attached.data();
            if (is_copy) {
                const Common& common = *array.kernel->common;
                array.narrow = halves[i] ? common.to_float16 : common.to_bfloat16;
            }
            const std::size_t item = is_copy ? 2 : itemsize(array.kernel->dtype);
            will_write(list[i], std::size_t(array.size) * item, i);
            if (is_copy) bound_.emplace_back(list[i], array.shape, i);
            array.apart = {};
        }
    }
    arrange();
}

}  // namespace fastopt
