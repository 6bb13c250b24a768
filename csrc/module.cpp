// What Python sees of the extension: a contents page.
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include "dispatch.hpp"
#include "plan.hpp"
#include "scalars.hpp"
#include "smoothing.hpp"

namespace py = pybind11;
using fastopt::OwnKernel;
using fastopt::Plan;

PYBIND11_MODULE(_native, module) {
    fastopt::NdArray::find_types();

    py::class_<OwnKernel>(module, "OwnKernel")
        .def(py::init<std::string, const std::string&, int, int, std::uintptr_t, std::uintptr_t>(),
             py::arg("name"), py::arg("dtype"), py::arg("states"), py::arg("coefficients"),
             py::arg("sweep"), py::arg("sweep_coupled"));

    py::class_<Plan>(module, "Plan")
        .def(py::init<const py::list&, const py::list&, std::vector<int>>(),
             py::arg("arrays"), py::arg("rules"), py::arg("rows"))
        .def("bind", &Plan::bind, py::arg("gradients"), py::arg("params"), py::arg("overlap_checked"))
        .def("assign", &Plan::assign, py::arg("rows"))
        .def("norms", &Plan::norms, py::arg("threads"))
        .def("run", &Plan::run, py::arg("rows"), py::arg("threads"))
        .def_readonly_static("BOUND", &Plan::bound)
        .def_readonly_static("SOME_ABSENT", &Plan::some_absent);

    module.def("smooth", &fastopt::smooth, py::arg("signal"), py::arg("out"), py::arg("state"),
               py::arg("beta"), py::arg("corrections"));
    module.def("power", &fastopt::power, py::arg("base"), py::arg("exponent"));

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
