// A plan over pieces, as simple as plans are: one thread, one row, contiguous gradients.
#include "fuzz/pieces.hpp"

#include "fuzz/failure.hpp"
#include "fuzz/formats.hpp"
#include "plan/bind.hpp"

namespace driver::fuzz {
namespace {

std::vector<std::ptrdiff_t> draw_lengths(Random& random, std::ptrdiff_t elements) {
    std::vector<std::ptrdiff_t> found;
    const std::ptrdiff_t most = elements < 300 && !random.one_in(4) ? 1 : 1 + random.below(elements);
    for (std::ptrdiff_t left = elements; left > 0; left -= found.back()) {
        found.push_back(std::min(left, most == 1 ? 1 : most / 4 + 1 + random.below(most)));
    }
    return found;
}

// Pieces of one array.
template <class T> class Line {
public:
    explicit Line(std::vector<T>& elements) : next_(elements.data()) {}

    fastopt::ArrayView piece(const std::ptrdiff_t& length) {
        static const std::ptrdiff_t stride = sizeof(T);
        auto* const data = reinterpret_cast<char*>(next_);
        next_ += length;
        return {.data = data,
                .shape = {&length, 1},
                .strides = &stride,
                .dtype = dtype_of<T>,
                .c_contiguous = true,
                .f_contiguous = true,
                .aligned = true,
                .writeable = true};
    }

private:
    T* next_;
};

}  // namespace

template <class T>
void Pieces<T>::update(Random& random, const Kernel& kernel, const Row& row, bool flush) {
    if (p.empty()) return;
    const std::vector<std::ptrdiff_t> lengths = draw_lengths(random, std::ptrdiff_t(p.size()));
    fastopt::Plan plan;
    plan.reserve(lengths.size(), lengths.size());
    std::vector<Line<T>> lines{Line<T>(p)};
    for (std::vector<T>& state : states) lines.emplace_back(state);
    std::vector<fastopt::ArrayView> views;
    for (const std::ptrdiff_t& length : lengths) {
        views.clear();
        for (Line<T>& line : lines) views.push_back(line.piece(length));
        plan.add(views, kernel, 0);
    }
    plan.cut();
    plan.flush_subnormals(flush);
    plan.resize_rows(1);
    row.fill(plan.row(0));
    plan.begin_binding();
    Line<T> gradient(g);
    for (std::size_t i = 0; i < lengths.size(); ++i) {
        if (!plan.bind(i, gradient.piece(lengths[i]), false, {})) fail("a plan of pieces takes nothing");
    }
    plan.run(1, {}, {});
}

template struct Pieces<float>;
template struct Pieces<double>;

}  // namespace driver::fuzz
