// What Python sees of the extension: a contents page.
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include <optional>
#include <tuple>

#include "dispatch/levels.hpp"
#include "plan/plan.hpp"
#include "fastcall.hpp"
#include "python/smoothing.hpp"
#include "python/swapping.hpp"

namespace py = pybind11;
using fastopt::Extras;
using fastopt::OwnKernel;
using fastopt::Plan;
using fastopt::Taking;

// NamedTuples of fastopt.backends, or None.
using TakingTuple = std::optional<std::tuple<bool, bool, bool>>;
using ExtrasTuple =
    std::optional<std::tuple<bool, bool, double, double, bool, double, double, bool>>;

// The struct that a tuple stands for. In braces: std::make_from_tuple uses parentheses, which clang takes
// for such a struct from version 16 on.
template <class Struct, class Tuple> static Struct given_as(const std::optional<Tuple>& tuple) {
    const auto from = [](const auto&... fields) { return Struct{fields...}; };
    return tuple ? std::apply(from, *tuple) : Struct{};
}

// Types and names of NumPy are kept for the whole process, which has one interpreter with NumPy.
PYBIND11_MODULE(_native, module, py::multiple_interpreters::not_supported()) {
    fastopt::NdArray::find_types();

    py::class_<OwnKernel>(module, "OwnKernel")
        .def(py::init<std::string, const std::string&, int, int, const std::vector<std::uintptr_t>&>(),
             py::arg("name"), py::arg("dtype"), py::arg("states"), py::arg("coefficients"),
             py::arg("sweeps"));

    py::class_<Plan> plan(module, "Plan");
    plan
        .def(py::init<const py::list&, const py::list&, std::vector<int>>(),
             py::arg("arrays"), py::arg("rules"), py::arg("rows"))
        .def("attach", &Plan::attach, py::arg("slow"), py::arg("averages"), py::arg("copies"),
             py::arg("halves"))
        .def("bind",
             [](Plan& self, py::handle gradients, py::handle params, bool overlap_checked,
                const TakingTuple& taking) {
                 return self.bind(gradients, params, overlap_checked, given_as<Taking>(taking));
             },
             py::arg("gradients"), py::arg("params"), py::arg("overlap_checked"),
             py::arg("taking") = py::none())
        .def("assign", &Plan::assign, py::arg("rows"))
        .def("flush_subnormals", &Plan::flush_subnormals, py::arg("asked"))
        .def("sums_of_squares", &Plan::sums_of_squares, py::arg("threads"))
        .def("run",
             [](Plan& self, py::handle rows, int threads, const ExtrasTuple& extras, py::handle changes,
                const std::vector<int>& row_of) {
                 const auto given = given_as<Extras>(extras);
                 self.run(rows, threads, given, fastopt::Changes(changes), row_of);
             },
             py::arg("rows"), py::arg("threads"), py::arg("extras") = py::none(),
             py::arg("changes") = py::tuple(), py::arg("row_of") = py::tuple())
        .def("run_with_sums",
             [](Plan& self, py::handle rows, int threads, const ExtrasTuple& extras, py::handle changes,
                const std::vector<int>& row_of) {
                 const auto given = given_as<Extras>(extras);
                 return self.run_with_sums(rows, threads, given, fastopt::Changes(changes), row_of);
             },
             py::arg("rows"), py::arg("threads"), py::arg("extras"), py::arg("changes"),
             py::arg("row_of"))
        .def_static("commit", [](py::handle changes) { fastopt::Changes(changes).apply(); },
                    py::arg("changes"))
        .def_readonly_static("BOUND", &Plan::bound)
        .def_readonly_static("SOME_ABSENT", &Plan::some_absent)
        .def_readonly_static("MOST_SCALARS", &fastopt::most_scalars);

    module.def("smooth", &fastopt::smooth, py::arg("signal"), py::arg("out"), py::arg("state"),
               py::arg("beta"), py::arg("corrections"));
    module.def("swap",
               [](const py::list& some, const py::list& others, py::handle changes) {
                   fastopt::swap(some, others, fastopt::Changes(changes));
               },
               py::arg("some"), py::arg("others"), py::arg("changes"));
    fastopt::add_quick_calls(module, plan);

    module.def("runnable_levels", &fastopt::runnable_levels);
    module.def("use_level", &fastopt::use_level, py::arg("level"));
    module.def("level_in_use", &fastopt::level_in_use);
    module.def("rules", [] {
        py::dict rules;
        const fastopt::KernelTable& table = fastopt::kernel_table();
        for (int i = 0; i < table.count; ++i) {
            const fastopt::Kernel& kernel = table.kernels[i];
            rules[kernel.rule] = py::make_tuple(kernel.states, kernel.coefficients);
        }
        return rules;
    });

    module.attr("version") = FASTOPT_VERSION;
    module.attr("compiler") = FASTOPT_COMPILER;
    module.attr("flags") = FASTOPT_FLAGS;
}
