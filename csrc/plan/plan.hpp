// The plan: the arrays of one optimizer, cut into chunks, and the step over all of them. It knows
// addresses and shapes alone; whoever makes it keeps the arrays.
#pragma once
#include <cstdint>
#include <memory>
#include <span>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "kernels/kernel.hpp"
#include "plan/array_view.hpp"
#include "plan/parallel.hpp"
#include "plan/pass.hpp"
#include "plan/prefetch_trial.hpp"
#include "plan/row_gradient.hpp"
#include "plan/scalar_row.hpp"
#include "plan/strided_gradient.hpp"
#include "plan/update.hpp"

namespace fastopt {

// Of the squares of an update and of a parameter.
using Sums = std::pair<double, double>;

class Plan {
public:
    // `unlocked` is how work is done that takes longer than to let go of a lock that the caller has.
    explicit Plan(Unlocked unlocked = nullptr) : unlocked_(unlocked) {}
    Plan(const Plan&) = delete;    // spans point into it
    Plan& operator=(const Plan&) = delete;

    // Makes room for so many parameters, with so many axes in all.
    void reserve(std::size_t parameters, std::size_t axes);
    // Adds a parameter: it and its states, the kernel of its rule, and the row of scalars that it is
    // updated with. The kernel stays where it is as long as the plan.
    // Of the last states of the rule, `spread` are given later, by attach_spreads. `stored`: how what the arrays hold
    // is stored, if not as it is computed in; it stays where it is as long as the plan.
    void add(std::span<const ArrayView> arrays, const Kernel& kernel, int row, std::size_t spread = 0,
             const Stored* stored = nullptr);
    // Cuts all parameters into chunks, when all have been added.
    void cut();

    std::size_t size() const { return arrays_.size(); }
    Shape shape(std::size_t parameter) const { return arrays_[parameter].shape; }

    // Give every parameter an array at these addresses: for its slow weights, for its average, for its
    // copy in another dtype.
    void attach_slow(const std::vector<char*>& data);
    void attach_averages(const std::vector<char*>& data);
    void attach_copies(const std::vector<char*>& data, const std::vector<DType>& dtypes);
    // Says how much of the step each parameter takes: entries for its scale and its mask, none where their
    // address is null. They are read, and lie nowhere where gradients do.
    void attach_portions(const std::vector<Portion>& portions);
    // Says what is measured of each parameter; nothing where the direction has no kernel. Kernels stay where
    // they are as long as the plan.
    void attach_directions(const std::vector<Direction>& directions);

    // Gives every parameter what broadcasts to it, in place of the last states of its rule; nothing where the
    // spread has no arrays. To be called before the first step.
    void attach_spreads(std::vector<Spread> spreads);
    // Says what is reduced of each parameter, first and later. Kernels stay where they are as long as the plan.
    void attach_reductions(std::vector<std::vector<Reduction>> reductions);

    // Says with which row of scalars each parameter is updated.
    void assign(const std::vector<int>& rows);
    // Lets the sweeps of later steps take subnormal numbers for zero, or not.
    void flush_subnormals(bool asked) { flush_subnormals_ = asked; }

    // The gradients of the next step, which bind.hpp takes: after begin_binding, for each parameter
    // none or one, of one of its dtypes and of its shape; whether the plan takes it. At last, whether
    // those that are written are apart from each other.
    void begin_binding() {
        gradients_.clear();
        row_gradients_.clear();
    }
    void bind_none(std::size_t parameter);
    bool bind(std::size_t parameter, const ArrayView& gradient, bool overlap_checked,
              const GradientForms& forms);
    bool gradients_are_apart();
    // Of a parameter that has been bound to none, a gradient of some rows, for the next step or norm; throws where it
    // is not in C order, or takes portions of its steps.
    void bind_rows(std::size_t parameter, const GivenRows& given);
    DType dtype(std::size_t parameter) const { return arrays_[parameter].kernel().dtype; }
    // Also that of its array, if another is computed in.
    bool takes(std::size_t parameter, DType gradient) const {
        const Stored* const stored = arrays_[parameter].streams.stored;
        return gradient == dtype(parameter) || (stored && gradient == stored->dtype);
    }

    // The rows of scalars of the next step.
    void resize_rows(std::size_t count) { scalars_.resize(count); }
    ScalarRow& row(std::size_t number) { return scalars_[number]; }
    // Appends a copy of one; returns its number.
    int copy_row(std::size_t number) {
        scalars_.push_back(scalars_[number]);
        return int(scalars_.size()) - 1;
    }
    int assigned(std::size_t parameter) const { return arrays_[parameter].assigned; }

    // The sum of the squares of each gradient, 0 where there is none.
    std::vector<double> sums_of_squares(int threads);

    // Looks along the directions; returns for each parameter the sums over what they return, 0 for those of which
    // nothing is summed, and last of the squares of the parameter, if it is weighed; nothing for one without a
    // direction. Nothing is changed.
    std::vector<std::vector<double>> measure(int threads, const std::vector<int>& row_of);

    // How many elements of each parameter the rules move along the gradient. Nothing is changed.
    std::vector<double> agreements(int threads, const std::vector<int>& row_of);

    // Runs reduction number `which`; for each parameter with a gradient writes what it returns for what broadcasts to
    // the parameter, reduced to the shape of each, to as many places; to none where there are none.
    void reduce(std::size_t which, int threads, const std::vector<int>& row_of,
                const std::vector<std::vector<double*>>& into);

    // Updates everything bound. `row_of` says for this step alone which row each parameter uses; if it
    // is empty, that is as assigned.
    void run(int threads, const Pass& pass, const std::vector<int>& row_of);
    // The same; returns for each parameter the sums of the squares of its update and of the new values.
    std::vector<Sums> run_with_sums(int threads, const Pass& pass, const std::vector<int>& row_of);

private:
    // A line of memory for what binding reads, one for what a step does besides: with many small arrays the
    // time goes into fetching these.
    struct alignas(64) Array {
        Shape shape;
        std::ptrdiff_t size;
        std::pair<const char*, const char*> apart{};   // where a gradient overlapped with nothing
        bool fortran;
        int assigned;
        int row = assigned;    // of the step that is being taken
        char* g = nullptr;     // null: sits this step out
        std::unique_ptr<StridedGradient> strided{};    // if the gradient does not lie as p does
        Streams streams;

        const Kernel& kernel() const { return *streams.kernel; }
        // Where to read the gradients of some elements, in the order and the dtype of the parameter: where they lie,
        // or read into `to`.
        const char* gradient(std::ptrdiff_t begin, std::ptrdiff_t end, char* to) const {
            if (!strided) return g + std::size_t(begin) * streams.item();
            strided->read(kernel(), begin, end, to);
            return to;
        }
    };
    struct ArrayRows {
        Array* array;
        RowGradient gradient;
    };
    struct RowPieces;
    struct Span {
        Array* array;
        std::ptrdiff_t begin, end;    // elements
    };
    enum class Work { update, update_and_sum, measure, agree };    // what is done with each span
    struct Piece {
        const Array* array;
        std::ptrdiff_t begin, end;    // elements, from the edge of a reduce block
        double* sums;                 // one for each block
        bool ahead;                   // whether to fetch ahead
    };

    Shape keep_lengths(Shape shape);
    void will_write(const char* data, std::size_t bytes);
    void attach(const std::vector<char*>& data, char* Streams::* place);
    bool overlaps(const char* low, const char* high) const;
    void choose_rows(const std::vector<int>& row_of);
    void check_row(const Array& array, const Kernel& kernel) const;
    void check_scalars(const Array& array, const Kernel& kernel) const;
    bool far() const;
    bool fetches_ahead() const { return far() && prefetch_trial_.fetches(); }
    void run_chunks(Work work, const Pass& pass, int threads);
    RowPieces pieces_of_rows() const;
    void run_rows(const Pass& pass, int threads);
    void add_squares_of_rows(int threads, std::vector<double>& totals) const;
    Update update_of(const Array& array) const;
    void update(const Span& span) const noexcept;
    void update_in_order(const Span& span, const Update& update) const noexcept;
    void update_and_sum(const Span& span, double* sums) const noexcept;
    void measure(const Span& span, double* sums) const noexcept;
    void agree(const Span& span, double* sums) const noexcept;
    // So many sums for each parameter, one parameter after the other.
    std::vector<double> run_summing(Work work, const Pass& pass, int threads, std::size_t sums);
    static constexpr std::ptrdiff_t segment = 512;    // elements that are reduced at a time
    static constexpr std::size_t segment_bytes = std::size_t(segment) * sizeof(double);
    struct Reducing;
    void reduce(const Reducing& work) const noexcept;
    static void reduce_part(void* parts, std::uint32_t part) noexcept;
    static void run_chunk(void* plan, std::uint32_t chunk) noexcept;
    static void reduce_piece(void* pieces, std::uint32_t piece) noexcept;

    Unlocked unlocked_;
    std::vector<std::ptrdiff_t> lengths_;    // of the axes of all parameters
    std::vector<Array> arrays_;
    std::vector<Portion> portions_;        // one for each, or none at all
    std::vector<Direction> directions_;    // likewise
    std::vector<Spread> spreads_;          // likewise
    std::vector<std::vector<Reduction>> reductions_;
    std::vector<std::pair<const char*, const char*>> written_;    // sorted, disjoint
    std::vector<std::pair<const char*, const char*>> gradients_;  // where they lie, if they are written
    std::vector<ArrayRows> row_gradients_;
    std::vector<Span> spans_;
    std::vector<std::uint32_t> chunks_;    // chunk k: the spans from chunks_[k] to chunks_[k + 1]
    std::vector<std::size_t> bytes_;       // that the chunks before chunk k hold
    std::vector<ScalarRow> scalars_;
    Work work_ = Work::update;
    Pass pass_{};
    Distance distance_{};
    PrefetchTrial prefetch_trial_, look_trial_;    // of what writes, and of what reads alone
    bool flush_subnormals_ = false;
    std::size_t width_ = 0;                    // sums of each reduce block
    std::vector<double> sums_;                 // of all blocks, in order
    std::vector<std::size_t> first_block_;    // of each span
};

inline void Plan::check_row(const Array& array, const Kernel& kernel) const {
    if (array.g) check_scalars(array, kernel);
}

inline void Plan::check_scalars(const Array& array, const Kernel& kernel) const {
    const ScalarRow& row = scalars_.at(std::size_t(array.row));
    if (row.coefficients() != std::size_t(kernel.coefficients)) {
        throw std::invalid_argument(std::string("the rule ") + kernel.rule +
                                    " has another number of coefficients");
    }
    if (row.stage() != Stage::bare && !kernel.takes_stages()) {
        throw std::invalid_argument(std::string("the rule ") + kernel.rule + " takes no stage");
    }
}

}  // namespace fastopt
