#include "plan.hpp"

#include <algorithm>
#include <cstring>
#include <limits>
#include <stdexcept>

#include "cohort.hpp"
#include "dispatch.hpp"
#include "shares.hpp"

namespace fastopt {
namespace {

// A chunk is what one thread takes at a time: small enough for its streams to stay in L2 and for the
// threads to end together, large enough that taking it costs nothing.
constexpr std::size_t chunk_bytes = 256 * 1024;
constexpr double changing_nothing[] = {1.0, std::numeric_limits<double>::infinity(), 0.0, 1.0, 1.0};
constexpr int decay = 2;    // which of these is the coupled decay
// What a last level of cache holds, by and large.
constexpr std::size_t bytes_in_caches = 24 * 1024 * 1024;
// Elements that are updated and finished at a time: their streams stay in L1.
constexpr std::ptrdiff_t finish_tile = 2048;
alignas(64) thread_local char scratch[finish_tile * sizeof(double)];

bool is_list_or_tuple(PyObject* object) { return PyList_Check(object) || PyTuple_Check(object); }

void move_to(void** moved, char* const* states, int count, std::size_t bytes) {
    for (int s = 0; s < count; ++s) moved[s] = states[s] + bytes;
}

Stage stage_of(const double* scalars, std::size_t count) {
    if (count == cautious_scalars) return Stage::cautious;
    if (count == l1_scalars) return Stage::l1;
    if (count == cautious_l1_scalars) return Stage::cautious_l1;
    if (count != decay_scalars) throw std::invalid_argument("no stage has that many scalars");
    if (std::equal(scalars, scalars + count, changing_nothing)) return Stage::bare;
    return scalars[decay] != 0.0 ? Stage::coupled : Stage::decoupled;
}

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
                    .state_objects = {},
                    .attached = {},
                    .rule = rules[i],
                    .p = parameter.data(),
                    .states = {},
                    .size = parameter.size(),
                    .kernel = &kernel_of(rules[i], *dtype),
                    .row = rows[i],
                    .fortran = !parameter.c_contiguous(),
                    .shape = parameter.shape()};
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
            array.state_objects.push_back(entry[s]);
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

void Plan::assign(std::vector<int> rows) {
    for (std::size_t i = 0; i < arrays_.size(); ++i) arrays_[i].row = rows.at(i);
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
            array.state_objects.push_back(list[i]);
            array.attached.push_back(attached.data());
            const std::size_t item = is_copy ? 2 : itemsize(array.kernel->dtype);
            const std::size_t bytes = std::size_t(array.size) * item;
            if (bytes) written_.emplace_back(attached.data(), attached.data() + bytes);
            array.apart = {};
        }
    }
    std::sort(written_.begin(), written_.end());
}

std::ptrdiff_t Plan::bind(py::handle gradients, py::handle params, bool overlap_checked,
                          const Taking& taking) {
    PyObject* const given = gradients.ptr();
    PyObject* const now = params.is_none() ? nullptr : params.ptr();
    if (!is_list_or_tuple(given) || (now && !is_list_or_tuple(now))) {
        throw std::invalid_argument("a plan takes gradients and parameters in a list or a tuple");
    }
    const auto count = std::ptrdiff_t(arrays_.size());
    if (PySequence_Fast_GET_SIZE(given) != count || (now && PySequence_Fast_GET_SIZE(now) != count)) {
        throw std::invalid_argument("a plan needs as many gradients as it has parameters");
    }
    gradients_.clear();
    bool all = true;
    for (std::ptrdiff_t i = 0; i < count; ++i) {
        Array& array = arrays_[std::size_t(i)];
        if (now && PySequence_Fast_GET_ITEM(now, i) != array.object.ptr()) return i;
        if (!unchanged(array)) return i;
        PyObject* const gradient = PySequence_Fast_GET_ITEM(given, i);
        array.strided.reset();
        if (gradient == Py_None) {
            array.g = nullptr;
            all = false;
        } else if (!take_gradient(array, gradient, overlap_checked, taking)) {
            return i;
        }
    }
    if (taking.written && !overlap_checked) {
        std::sort(gradients_.begin(), gradients_.end());
        for (std::size_t i = 1; i < gradients_.size(); ++i) {
            if (gradients_[i].first < gradients_[i - 1].second) return 0;    // Python finds out which
        }
    }
    return all ? bound : some_absent;
}

bool Plan::unchanged(const Array& array) const {
    const NdArray parameter(array.object.ptr());
    if (parameter.data() != array.p || !parameter.has_shape(array.shape) || !parameter.writeable() ||
        parameter.dtype() != array.kernel->dtype ||
        !(array.fortran ? parameter.f_contiguous() : parameter.c_contiguous())) {
        return false;
    }
    const auto states = std::size_t(array.kernel->states);
    for (std::size_t s = 0; s < array.state_objects.size(); ++s) {
        const NdArray state(array.state_objects[s].ptr());
        const char* const data = s < states ? array.states[s] : array.attached[s - states];
        if (state.data() != data || !state.has_shape(array.shape) || !state.writeable()) return false;
    }
    return true;
}

bool Plan::take_gradient(Array& array, PyObject* gradient, bool overlap_checked, const Taking& taking) {
    if (!NdArray::is_exact(gradient)) return false;
    const NdArray g(gradient);
    const auto dtype = taking.cast ? g.any_float(taking.bfloat16) : g.dtype();
    if (!dtype || !g.has_shape(array.shape)) return false;
    if (!taking.cast && dtype != array.kernel->dtype) return false;
    const std::size_t item = itemsize(*dtype);
    const char* low = g.data();
    const char* high = low + std::size_t(array.size) * item;
    if (dtype != array.kernel->dtype || !(array.fortran ? g.f_contiguous() : g.c_contiguous()) ||
        !g.aligned()) {
        high = low + item;
        for (int k = 0; k < g.ndim(); ++k) {
            const std::ptrdiff_t reach = (g.shape(k) - 1) * g.stride(k);
            (reach < 0 ? low : high) += reach;
        }
        if (array.size > 0) {
            array.strided =
                std::make_unique<StridedGradient>(g, *dtype, array.fortran, array.kernel->dtype);
            if (taking.written && array.strided->overlaps_itself()) return false;
        }
    }
    array.g = g.data();
    if (taking.written) {
        if (!g.writeable()) return false;
        if (array.size > 0) gradients_.emplace_back(low, high);
    }
    if (overlap_checked || array.size == 0 || array.apart == std::pair(low, high)) return true;
    if (overlaps(low, high)) return false;
    array.apart = {low, high};
    return true;
}

bool Plan::overlaps(const char* low, const char* high) const {
    const auto after = std::partition_point(written_.begin(), written_.end(),
                                            [&](const auto& range) { return range.second <= low; });
    return after != written_.end() && after->first < high;
}

void Plan::Scalars::append(PyObject* values) {
    if (!PyTuple_Check(values)) throw std::invalid_argument("the scalars of a row are in tuples");
    const py::ssize_t given = PyTuple_GET_SIZE(values);
    if (count + std::size_t(given) >= std::size(float64)) {
        throw std::invalid_argument("too many scalars");
    }
    for (py::ssize_t i = 0; i < given; ++i) {
        const double value = PyFloat_AsDouble(PyTuple_GET_ITEM(values, i));
        if (value == -1.0 && PyErr_Occurred()) throw py::error_already_set();
        float64[count] = value;
        float32[count++] = static_cast<float>(value);
    }
}

void Plan::Scalars::take(PyObject* of_the_stage, PyObject* of_the_rule) {
    count = 0;
    append(of_the_stage);
    of_stage = count;
    stage = stage_of(float64, of_stage);
    append(of_the_rule);
}

void Plan::read_rows(py::handle rows) {
    if (!is_list_or_tuple(rows.ptr())) throw std::invalid_argument("rows are in a list or a tuple");
    scalars_.resize(std::size_t(PySequence_Fast_GET_SIZE(rows.ptr())));
    for (std::size_t r = 0; r < scalars_.size(); ++r) {
        Scalars& row = scalars_[r];
        row.count = 0;
        PyObject* const pair = PySequence_Fast_GET_ITEM(rows.ptr(), py::ssize_t(r));
        if (pair == Py_None) continue;
        if (!PyTuple_Check(pair) || PyTuple_GET_SIZE(pair) != 2) {
            throw std::invalid_argument("a row is a pair");
        }
        row.take(PyTuple_GET_ITEM(pair, 0), PyTuple_GET_ITEM(pair, 1));
    }
}

void Plan::complete_rows() {
    const float far = bytes_.back() > bytes_in_caches ? 1.0f : 0.0f;
    for (Scalars& row : scalars_) row.float64[row.count] = row.float32[row.count] = far;
    for (const Array& array : arrays_) {
        if (!array.g) continue;
        const Scalars& row = scalars_.at(std::size_t(array.row));
        if (row.count != row.of_stage + std::size_t(array.kernel->coefficients)) {
            throw std::invalid_argument(std::string("the rule ") + array.kernel->rule +
                                        " has another number of coefficients");
        }
        if (!array.kernel->sweep[int(row.stage)]) {
            throw std::invalid_argument(std::string("the rule ") + array.kernel->rule +
                                        " has not been compiled for this stage");
        }
    }
}

std::ptrdiff_t Plan::step(py::handle gradients, py::handle params, py::handle cohorts,
                          py::handle coefficients, int threads) {
    if (!PyList_Check(cohorts.ptr())) throw std::invalid_argument("cohorts are in a list");
    const py::ssize_t count = PyList_GET_SIZE(cohorts.ptr());
    scalars_.resize(std::size_t(count));
    counted_.clear();
    for (py::ssize_t r = 0; r < count; ++r) {
        const Cohort cohort(PyList_GET_ITEM(cohorts.ptr(), r));
        counted_.push_back(cohort.next_step());
        const py::object stage = cohort.stage_scalars();
        const py::object rule = cohort.coefficients(coefficients, counted_.back());
        scalars_[std::size_t(r)].take(stage.ptr(), rule.ptr());
    }
    const std::ptrdiff_t found = bind(gradients, params, false, {});
    if (found != bound) return found;
    complete_rows();
    sweep_all({}, threads);
    for (py::ssize_t r = 0; r < count; ++r) {
        Cohort::count_step(PyList_GET_ITEM(cohorts.ptr(), r), counted_[std::size_t(r)]);
    }
    return bound;
}

void Plan::run(py::handle rows, int threads, const Extras& extras) {
    read_rows(rows);
    complete_rows();
    sweep_all(extras, threads);
}

void Plan::sweep_all(const Extras& extras, int threads) {
    extras_ = extras;
    first_block_.clear();
    share_out(bytes_, threads, &Plan::sweep_chunk, this, extras.backwards);
}

void Plan::sweep_chunk(void* plan, std::uint32_t chunk) noexcept {
    auto& self = *static_cast<Plan*>(plan);
    const bool backwards = self.extras_.backwards;
    const std::uint32_t begin = self.chunks_[chunk], end = self.chunks_[chunk + 1];
    for (std::uint32_t s = begin; s < end; ++s) {
        const Span& span = self.spans_[backwards ? begin + (end - 1 - s) : s];
        if (self.first_block_.empty()) {
            self.sweep(span);
        } else {
            self.sweep_and_sum(span);
        }
    }
}

Finish Plan::finish_of(const Array& array) const {
    return {.common = array.kernel->common,
            .itemsize = itemsize(array.kernel->dtype),
            .slow = extras_.pull && array.g ? array.slow : nullptr,
            .average = extras_.average ? array.average : nullptr,
            .copy = array.g ? array.copy : nullptr,
            .narrow = array.narrow,
            .extras = &extras_};
}

void Plan::sweep(const Span& span) const noexcept {
    const Array& array = *span.array;
    const Finish finish = finish_of(array);
    if (!array.g) return finish(array.p, span.begin, span.end - span.begin);
    const Kernel& kernel = *array.kernel;
    const Scalars& row = scalars_[std::size_t(array.row)];
    const void* scalars = row.of(kernel.dtype);
    const Sweep update = kernel.sweep[int(row.stage)];
    if (array.strided) {
        // The span's share of the blocks, in the same proportion as its share of the elements.
        const auto blocks = static_cast<double>(array.strided->blocks());
        const auto share = [&](std::ptrdiff_t element) {
            return std::ptrdiff_t(blocks * (double(element) / double(array.size)));
        };
        const std::ptrdiff_t last = span.end == array.size ? array.strided->blocks() : share(span.end);
        array.strided->run(kernel, update, scalars, array.p, array.states, finish, extras_.zero,
                           share(span.begin), last);
        return;
    }
    const std::size_t item = itemsize(kernel.dtype);
    // The kernel that does everything is worth its scratch where most of it is asked for.
    const SweepAll all = kernel.sweep_all[int(row.stage)];
    const bool fused = all && !finish.slow && finish.average && finish.copy &&
                       finish.narrow == kernel.common->to_bfloat16;
    const bool whole = extras_.zero ? fused : finish.nothing();
    const std::ptrdiff_t tile = whole ? span.end - span.begin : finish_tile;
    for (std::ptrdiff_t begin = span.begin; begin < span.end; begin += tile) {
        const std::ptrdiff_t n = std::min(tile, span.end - begin);
        const std::size_t bytes = std::size_t(begin) * item;
        char* const g = array.g + bytes;
        void* states[max_states];
        move_to(states, array.states, kernel.states, bytes);
        if (fused) {
            const Everything everything{finish.average + bytes, finish.copy + std::size_t(begin) * 2,
                                        extras_.zero ? g : scratch, extras_.keep, extras_.take};
            all(scalars, array.p + bytes, g, states, everything, n);
        } else {
            update(scalars, array.p + bytes, g, states, n);
            finish(array.p, begin, n);
            if (extras_.zero) std::memset(g, 0, std::size_t(n) * item);
        }
    }
}

}  // namespace fastopt
