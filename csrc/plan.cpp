#include "plan.hpp"

#include <algorithm>
#include <stdexcept>

#include "dispatch.hpp"

namespace fastopt {
namespace {

// A chunk is what one thread takes at a time: small enough for its streams to stay in L2 and for the
// threads to end together, large enough that taking it costs nothing.
constexpr std::size_t chunk_bytes = 256 * 1024;

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
    for (std::size_t i = 0; i < arrays.size(); ++i) {
        const py::tuple entry = arrays[i];
        const NdArray parameter(entry[0].ptr());
        const auto dtype = parameter.dtype();
        if (!dtype) throw std::invalid_argument("a plan takes float32 and float64");
        Array array{.object = entry[0],
                    .p = parameter.data(),
                    .size = parameter.size(),
                    .kernel = &kernel_of(rules[i], *dtype),
                    .shape = parameter.shape(),
                    .assigned = rows[i],
                    .fortran = !parameter.c_contiguous(),
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
            if (bytes) written_.emplace_back(written.data(), written.data() + bytes);
            if (s == 0) continue;
            array.states[s - 1] = written.data();
            beside_.push_back({entry[s], written.data(), written.native_type(), i});
        }
        arrays_.push_back(std::move(array));
    }
    std::sort(written_.begin(), written_.end());
    cut();
}

// Chunk edges depend on the sizes alone. Small arrays that follow each other share a chunk.
void Plan::cut() {
    std::size_t total = 0, held = 0;
    chunks_ = {0};
    bytes_ = {0};
    for (Array& array : arrays_) {
        const std::size_t bytes_each =
            itemsize(array.kernel->dtype) * std::size_t(array.kernel->states + 2);
        const auto fitting = std::ptrdiff_t(chunk_bytes / bytes_each);
        const auto longest = std::max(fitting / reduce_block, std::ptrdiff_t(1)) * reduce_block;
        for (std::ptrdiff_t begin = 0; begin < array.size; begin += longest) {
            const std::ptrdiff_t end = std::min(begin + longest, array.size);
            const std::size_t bytes = std::size_t(end - begin) * bytes_each;
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
            beside_.push_back({list[i], attached.data(), attached.native_type(), i});
            const std::size_t item = is_copy ? 2 : itemsize(array.kernel->dtype);
            const std::size_t bytes = std::size_t(array.size) * item;
            if (bytes) written_.emplace_back(attached.data(), attached.data() + bytes);
            array.apart = {};
        }
    }
    std::sort(written_.begin(), written_.end());
}

}  // namespace fastopt
