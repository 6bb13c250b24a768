// The plan: the arrays of one optimizer, bound once and cut into chunks, and the step over all of them.
#pragma once
#include <atomic>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "python/bound_array.hpp"
#include "python/commit.hpp"
#include "plan/pass.hpp"
#include "plan/after_update.hpp"
#include "kernels/kernel.hpp"
#include "python/ndarray.hpp"
#include "plan/prefetch_trial.hpp"
#include "plan/strided_gradient.hpp"

namespace fastopt {

// A kernel that was compiled elsewhere, for a user's own rule: the addresses of its sweeps, one for each
// stage in their order, 0 where there is none.
struct OwnKernel {
    OwnKernel(std::string name, const std::string& dtype, int states, int coefficients,
              const std::vector<std::uintptr_t>& sweeps);

    std::string name;
    Kernel kernel;
};

class Plan {
public:
    // One entry for each parameter: `arrays` holds (parameter, state, ...), already checked by
    // fastopt.checks; `rules` the name of its rule, or an OwnKernel; `rows` the row of scalars that it
    // is updated with.
    Plan(const py::list& arrays, const py::list& rules, std::vector<int> rows);

    // Gives every parameter an array for its slow weights, one for the average, and one of 16 bits for
    // its copy; each list may be None. `halves` says which copies are float16, the others are bfloat16.
    void attach(const py::object& slow, const py::object& averages, const py::object& copies,
                const std::vector<bool>& halves);

    // Takes the gradients of the next step, and looks whether parameters and states are still those
    // that were bound; `params`, if not None, are the parameters as the caller's container has them
    // now. Gives back `bound`, `some_absent` where a gradient is None, or the index of the first
    // parameter that something is wrong with: what it is, the Python side finds out and says.
    std::ptrdiff_t bind(py::handle gradients, py::handle params, bool overlap_checked,
                        const Taking& taking);
    static constexpr std::ptrdiff_t bound = -1, some_absent = -2;

    // A step with nothing but the update: computes the scalars of each cohort, binds, runs and counts
    // the step, for each cohort and in `counter.steps`. Gives back what `bind` does; where that is not
    // `bound`, nothing has changed.
    std::ptrdiff_t step(py::handle gradients, py::handle params, py::handle cohorts,
                        py::handle coefficients, int threads, py::handle counter);

    // Says with which row of scalars each parameter is updated.
    void assign(const std::vector<int>& rows);

    // Lets the sweeps of later steps take subnormal numbers for zero, or not.
    void flush_subnormals(bool asked) { flush_subnormals_ = asked; }

    // The sum of the squares of each gradient, 0 where it is None.
    std::vector<double> sums_of_squares(int threads);

    // Updates everything bound. A row of scalars is a pair: those of the stage, and the coefficients of
    // the rule; or None where no parameter that takes this step uses it. `row_of` says for this step
    // alone which row each parameter uses; if it is empty, that is as assigned. Then makes the changes.
    void run(py::handle rows, int threads, const Extras& extras, const Changes& changes,
             const std::vector<int>& row_of);

    // The same, and gives back for each parameter the sums of the squares of its update and of the new
    // values.
    std::vector<std::pair<double, double>> run_with_sums(py::handle rows, int threads,
                                                         const Extras& extras, const Changes& changes,
                                                         const std::vector<int>& row_of);

private:
    struct Array {
        // What every step looks at comes first, close together.
        PyObject* parameter;
        Shape shape;
        std::ptrdiff_t size;
        const Kernel* kernel;
        char* g = nullptr;    // null: sits this step out
        std::unique_ptr<StridedGradient> strided{};    // if the gradient does not lie as p does
        std::pair<const char*, const char*> apart{};   // where a gradient overlapped with nothing
        bool fortran;
        int assigned;
        int row = assigned;    // of the step that is being taken
        char* p;
        char* states[max_states];
        char* slow = nullptr;
        char* average = nullptr;
        char* copy = nullptr;
        Narrow narrow = nullptr;
        py::object rule;    // which may hold the kernel
    };
    struct Span {
        Array* array;
        std::ptrdiff_t begin, end;    // elements
    };
    struct Piece {
        const Array* array;
        std::ptrdiff_t begin, end;    // elements, from the edge of a reduce block
        double* sums;                 // one for each block
        bool ahead;                   // whether to fetch ahead
    };
    struct Scalars {
        alignas(64) float float32[row_slots];
        alignas(64) double float64[row_slots];
        Stage stage;
        std::size_t of_stage, count;

        void take(PyObject* of_the_stage, PyObject* of_the_rule);
        void append(PyObject* values);
        void fetch_ahead(bool asked);
        const void* of(DType dtype) const {
            return dtype == DType::float32 ? static_cast<const void*>(float32) : float64;
        }
    };

    bool take_gradient(Array& array, PyObject* gradient, bool overlap_checked, const Taking& taking);
    Shape keep_lengths(Shape shape);
    void will_write(py::handle array, std::size_t bytes, std::size_t parameter);
    void arrange();
    bool overlaps(const char* low, const char* high) const;
    void cut();
    void read_rows(py::handle rows);
    void choose_rows(const std::vector<int>& row_of);
    void check_rows() const;
    bool far() const;
    bool fetches_ahead() const { return far() && prefetch_trial_.fetches(); }
    void sweep_all(const Extras& extras, int threads);
    Finish finish_of(const Array& array) const;
    void sweep(const Span& span) const noexcept;
    void sweep_and_sum(const Span& span) noexcept;
    static void sweep_chunk(void* plan, std::uint32_t chunk) noexcept;
    static void reduce_piece(void* pieces, std::uint32_t piece) noexcept;

    std::vector<std::ptrdiff_t> lengths_;    // of the axes of all parameters
    std::vector<Array> arrays_;
    std::vector<py::object> kept_;    // all arrays that are written
    // Those that a caller has: parameters and copies. Nobody has the arrays of states, averages and
    // slow weights but the optimizer, which gives views of them.
    std::vector<BoundArray> bound_;
    std::vector<Owner> owners_;    // of the memory of all that is written and a view, each once
    std::vector<std::pair<const char*, const char*>> written_;    // sorted, disjoint
    std::vector<std::pair<const char*, const char*>> gradients_;  // where they lie, if they are written
    std::vector<Span> spans_;
    std::vector<std::uint32_t> chunks_;    // chunk k: the spans from chunks_[k] to chunks_[k + 1]
    std::vector<std::size_t> bytes_;       // that the chunks before chunk k hold
    std::vector<Scalars> scalars_;
    std::vector<py::object> counted_;    // the number of this step, for each cohort
    Extras extras_{};
    PrefetchTrial prefetch_trial_;
    bool flush_subnormals_ = false;
    std::vector<std::pair<double, double>> sums_;    // for each reduce block, in order
    std::vector<std::size_t> first_block_;           // of each span
};

}  // namespace fastopt
