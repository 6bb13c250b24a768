// Makes plans of NumPy arrays.
#include "python/numpy_plan.hpp"

#include <algorithm>
#include <stdexcept>

#include "python/gil.hpp"
#include "python/tuples.hpp"

namespace fastopt {
namespace {

py::object first_of(py::handle entry) { return py::reinterpret_borrow<py::tuple>(entry)[0]; }

const Kernel& kernel_of(const py::handle& rule, DType dtype) {
    if (py::isinstance<py::str>(rule)) return find_kernel(rule.cast<std::string>(), dtype);
    const Kernel& kernel = rule.cast<const OwnKernel&>().kernel;
    if (kernel.dtype != dtype) throw std::invalid_argument("a kernel has another dtype");
    return kernel;
}

Steps steps_of(py::handle given) {
    Steps found;
    for (const py::handle each : given) found.push_back(each.cast<std::ptrdiff_t>());
    return found;
}

Storage storage_of(const std::string& name) {
    for (int k = 0; k < storage_count; ++k) {
        if (name == storage_names[k]) return Storage(k);
    }
    throw std::invalid_argument("nothing is stored as " + name);
}

Summed summed_of(const std::string& name) {
    return name.empty() ? Summed::nothing : name == "values" ? Summed::values : Summed::squares;
}

}  // namespace

NumpyPlan::NumpyPlan(const py::list& arrays, const py::list& rules, const std::vector<int>& rows,
                     const std::vector<std::size_t>& spreads, const py::list& stored)
    : plan_(&without_gil) {
    if (rules.size() != arrays.size() || rows.size() != arrays.size()) {
        throw std::invalid_argument("a plan needs a rule and a row for every parameter");
    }
    std::size_t axes = 0;
    for (const py::handle entry : arrays) axes += NdArray(first_of(entry).ptr()).shape().size();
    plan_.reserve(arrays.size(), axes);
    parameters_.reserve(arrays.size());
    std::vector<ArrayView> views;
    for (std::size_t i = 0; i < arrays.size(); ++i) {
        const py::tuple entry = arrays[i];
        const auto own = NdArray(first_of(entry).ptr()).format();
        const Stored* const streams = own && !stored.empty() ? read_stored(stored[i], *own, i) : nullptr;
        const auto dtype = streams ? DType::float32 : own;
        if (dtype != DType::float32 && dtype != DType::float64) {
            throw std::invalid_argument("a plan takes float32 and float64");
        }
        const Kernel& kernel = kernel_of(rules[i], *dtype);
        kept_.push_back(rules[i]);
        views.clear();
        for (const py::handle array : entry) {
            const NdArray written(array.ptr());
            const bool plain = !streams || !streams->has(views.size());
            if (plain ? written.dtype() != dtype : written.item() != streams->streams[views.size()].bytes(1, 0)) {
                throw std::invalid_argument("a state has another dtype or layout");
            }
            views.push_back(written.view(*dtype));
            keep(array, i);
        }
        plan_.add(views, kernel, rows[i], spreads.empty() ? 0 : spreads.at(i), streams);
        parameters_.push_back(first_of(entry).ptr());
        bound_.emplace_back(parameters_.back(), plan_.shape(i), i);
    }
    plan_.cut();
    arrange_owners();
}

const Stored* NumpyPlan::read_stored(py::handle given, DType dtype, std::size_t parameter) {
    if (given.is_none()) return nullptr;
    const Fields fields(given, stored_fields, "stored streams");
    Stored& found = stored_.emplace_back();
    found.dtype = dtype;
    found.noisy = !fields[1].is_none();
    if (found.noisy) found.seed = fields[1].cast<std::uint64_t>();
    std::size_t k = 0;
    for (const py::handle each : fields[0]) {
        Stored::Stream& stream = found.streams.at(k++);
        if (each.is_none()) continue;
        const Fields pair(each, 2, "a stored stream");
        stream.how = storage_of(pair[0].cast<std::string>());
        if (pair[1].is_none()) continue;
        stream.rest = NdArray(pair[1].ptr()).data();
        keep(pair[1], parameter);
    }
    return &found;
}

void NumpyPlan::attach_directions(const py::list& directions) {
    std::vector<Direction> found(plan_.size());
    for (std::size_t i = 0; i < plan_.size(); ++i) {
        const py::object given = directions[i];
        kept_.push_back(given);
        if (given.is_none()) continue;
        const auto fields = given.cast<py::tuple>();
        const auto summed = py::object(fields[1]).cast<py::tuple>();
        found[i].kernel = &kernel_of(py::object(fields[0]), plan_.dtype(i));
        found[i].kept = py::object(fields[2]).cast<int>();
        found[i].weighs = py::object(fields[3]).cast<bool>();
        for (std::size_t k = 0; k < summed.size(); ++k) {
            found[i].summed.at(k) = summed_of(py::object(summed[k]).cast<std::string>());
        }
    }
    plan_.attach_directions(found);
}

void NumpyPlan::attach_spreads(const py::list& spreads, const py::list& reductions) {
    std::vector<Spread> found(plan_.size());
    std::vector<std::vector<Reduction>> reduced(plan_.size());
    for (std::size_t i = 0; i < plan_.size(); ++i) {
        if (py::object(spreads[i]).is_none()) continue;
        const Fields pair(spreads[i], 2, "a spread");
        found[i].lengths = steps_of(pair[0]);
        for (const py::handle each : pair[1]) {
            const Fields fields(each, 2, "an array and its steps");
            kept_.push_back(py::reinterpret_borrow<py::object>(fields[0]));
            found[i].data.push_back(NdArray(fields[0].ptr()).data());
            found[i].steps.push_back(steps_of(fields[1]));
        }
        for (const py::handle each : py::reinterpret_borrow<py::object>(reductions[i])) {
            const Fields fields(each, 2, "a rule and what is reduced");
            kept_.push_back(py::reinterpret_borrow<py::object>(fields[0]));
            reduced[i].push_back({&kernel_of(fields[0], plan_.dtype(i)), fields.flag(1)});
        }
    }
    plan_.attach_spreads(std::move(found));
    plan_.attach_reductions(std::move(reduced));
}

void NumpyPlan::keep(py::handle array, std::size_t parameter) {
    kept_.push_back(py::reinterpret_borrow<py::object>(array));
    if (py::object owner = Owner::of(array)) owners_.emplace_back(std::move(owner), parameter);
}

void NumpyPlan::arrange_owners() {
    std::sort(owners_.begin(), owners_.end(), [](const Owner& a, const Owner& b) { return a.before(b); });
    const auto same = [](const Owner& a, const Owner& b) { return !a.before(b); };
    owners_.erase(std::unique(owners_.begin(), owners_.end(), same), owners_.end());
}

void NumpyPlan::attach(const py::object& slow, const py::object& averages, const py::object& copies) {
    const auto read = [this](const py::object& given) {
        const auto list = given.cast<py::list>();
        std::vector<char*> data;
        for (std::size_t i = 0; i < plan_.size(); ++i) {
            data.push_back(NdArray(py::object(list[i]).ptr()).data());
            keep(list[i], i);
        }
        return data;
    };
    if (!slow.is_none()) plan_.attach_slow(read(slow));
    if (!averages.is_none()) plan_.attach_averages(read(averages));
    if (!copies.is_none()) {
        const auto list = copies.cast<py::list>();
        std::vector<DType> dtypes;
        for (std::size_t i = 0; i < plan_.size(); ++i) {
            const py::object copy = list[i];
            dtypes.push_back(NdArray(copy.ptr()).format().value_or(DType::bfloat16));
            bound_.emplace_back(copy, plan_.shape(i), i);
        }
        plan_.attach_copies(read(copies), dtypes);
    }
    arrange_owners();
}

void NumpyPlan::attach_portions(const py::list& portions) {
    const auto entries = [this](py::handle given, std::size_t parameter) -> Entries {
        if (given.is_none()) return {};
        const Fields fields(given, entries_fields, "entries");
        const NdArray array(fields[0].ptr());
        keep(fields[0], parameter);
        shapes_.emplace_back(array.shape().begin(), array.shape().end());
        bound_.emplace_back(fields[0], Shape(shapes_.back()), parameter);
        return {array.data(), fields[1].cast<std::ptrdiff_t>(), fields[2].cast<std::ptrdiff_t>()};
    };
    std::vector<Portion> found;
    for (std::size_t i = 0; i < plan_.size(); ++i) {
        const Fields pair(portions[i], 2, "a portion");
        found.push_back({entries(pair[0], i), entries(pair[1], i)});
    }
    plan_.attach_portions(found);
    arrange_owners();
}

}  // namespace fastopt
