// What Python sees of the extension: a contents page.
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include "fastcall.hpp"
#include "python/scalar_tape.hpp"
#include "python/tuples.hpp"
#include "python/whole_arrays.hpp"

namespace py = pybind11;
using fastopt::BindResult;
using fastopt::Commit;
using fastopt::NumpyPlan;
using fastopt::OwnKernel;
using fastopt::ScalarTape;

// A way to run a plan, as Python calls it.
template <class Run> static auto running(Run run) {
    return [run](NumpyPlan& self, py::handle rows, int threads, py::handle extras,
                 py::handle changes, const std::vector<int>& row_of) {
        return (self.*run)(rows, threads, fastopt::pass_of(extras), Commit(changes), row_of);
    };
}

// Types and names of NumPy are kept for the whole process, which has one interpreter with NumPy.
PYBIND11_MODULE(_native, module, py::multiple_interpreters::not_supported()) {
    fastopt::NdArray::find_types();

    py::class_<OwnKernel>(module, "OwnKernel")
        .def(py::init<std::string, const std::string&, int, int, std::uintptr_t>(),
             py::arg("name"), py::arg("dtype"), py::arg("states"), py::arg("coefficients"),
             py::arg("sweep"));

    py::class_<ScalarTape> tape(module, "ScalarTape");
    tape.def(py::init<>())
        .def(py::init<const py::dict&, const std::vector<py::str>&, const ScalarTape::Constants&,
                      const ScalarTape::Steps&, int, std::vector<std::size_t>>(),
             py::arg("values"), py::arg("carried"), py::arg("constants"), py::arg("steps"),
             py::arg("stage"), py::arg("results"))
        .def("replay", &ScalarTape::replay, py::arg("given"))
        .def_property_readonly("failed", &ScalarTape::failed);
    ScalarTape::find_type(tape);

    py::class_<NumpyPlan> plan(module, "Plan");
    plan
        .def(py::init<const py::list&, const py::list&, const std::vector<int>&,
                      const std::vector<std::size_t>&, const py::list&>(),
             py::arg("arrays"), py::arg("rules"), py::arg("rows"), py::arg("spreads") = py::tuple(),
             py::arg("stored") = py::list())
        .def("attach", &NumpyPlan::attach, py::arg("slow"), py::arg("averages"), py::arg("copies"))
        .def("attach_portions", &NumpyPlan::attach_portions, py::arg("portions"))
        .def("bind",
             [](NumpyPlan& self, py::handle gradients, py::handle params, bool overlap_checked,
                py::handle taking) {
                 const auto forms = fastopt::forms_of(taking);
                 return self.bind(gradients, params, overlap_checked, forms).number;
             },
             py::arg("gradients"), py::arg("params"), py::arg("overlap_checked"),
             py::arg("taking") = py::none())
        .def("bind_rows", &NumpyPlan::bind_rows, py::arg("parameter"), py::arg("indices"), py::arg("values"),
             py::arg("living"))
        .def("assign", &NumpyPlan::assign, py::arg("rows"))
        .def("flush_subnormals", &NumpyPlan::flush_subnormals, py::arg("asked"))
        .def("sums_of_squares", &NumpyPlan::sums_of_squares, py::arg("threads"))
        .def("run", running(&NumpyPlan::run), py::arg("rows"), py::arg("threads"),
             py::arg("extras") = py::none(), py::arg("changes") = py::tuple(),
             py::arg("row_of") = py::tuple())
        .def("attach_directions", &NumpyPlan::attach_directions, py::arg("directions"))
        .def("attach_spreads", &NumpyPlan::attach_spreads, py::arg("spreads"), py::arg("reductions"))
        .def("reduce", &NumpyPlan::reduce, py::arg("which"), py::arg("rows"), py::arg("threads"),
             py::arg("row_of"), py::arg("into"))
        .def("measure", &NumpyPlan::measure, py::arg("rows"), py::arg("threads"), py::arg("row_of"))
        .def("agreements", &NumpyPlan::agreements, py::arg("rows"), py::arg("threads"), py::arg("row_of"))
        .def("run_with_sums", running(&NumpyPlan::run_with_sums), py::arg("rows"), py::arg("threads"),
             py::arg("extras"), py::arg("changes"), py::arg("row_of"))
        .def_static("commit", [](py::handle changes) { Commit(changes).apply(); },
                    py::arg("changes"))
        .def_readonly_static("BOUND", &BindResult::bound)
        .def_readonly_static("SOME_ABSENT", &BindResult::some_absent)
        .def_readonly_static("FOR_PYTHON", &BindResult::for_python)
        .def_readonly_static("UNLISTED", &BindResult::unlisted);
    plan.attr("TAKES_PROGRAMS") = true;

    module.def("smooth", &fastopt::smooth_signal, py::arg("signal"), py::arg("out"), py::arg("state"),
               py::arg("beta"), py::arg("corrections"));
    module.def("swap",
               [](const py::list& some, const py::list& others, py::handle changes) {
                   fastopt::swap(some, others, Commit(changes));
               },
               py::arg("some"), py::arg("others"), py::arg("changes"));
    fastopt::add_fast_calls(module, plan);

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

    // The tables that both languages have; tests compare them.
    module.def("tables", [] {
        py::dict found;
        found["formats"] = std::vector<std::string>(std::begin(fastopt::dtype_names),
                                                    std::end(fastopt::dtype_names));
        found["stages"] = std::vector<std::string>(std::begin(fastopt::stage_names),
                                                   std::end(fastopt::stage_names));
        found["operations"] = std::vector<std::string>(std::begin(fastopt::operation_names),
                                                       std::end(fastopt::operation_names));
        found["stage_scalars"] = fastopt::stage_scalars;
        found["most_coefficients"] = fastopt::most_coefficients;
        found["most_states"] = fastopt::max_states;
        found["block"] = fastopt::reduce_block;
        found["lanes"] = fastopt::lane_count;
        found["pass"] = fastopt::pass_fields;
        found["forms"] = fastopt::forms_fields;
        found["program"] = fastopt::program_fields;
        found["entries"] = fastopt::entries_fields;
        found["stored"] = fastopt::stored_fields;
        found["storages"] = std::vector<std::string>(std::begin(fastopt::storage_names),
                                                     std::end(fastopt::storage_names));
        return found;
    });

    module.attr("version") = FASTOPT_VERSION;
    module.attr("compiler") = FASTOPT_COMPILER;
    module.attr("flags") = FASTOPT_FLAGS;
}
