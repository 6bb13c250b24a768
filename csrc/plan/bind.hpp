// Takes the gradients of the next step, and looks at them. In a header, as a small step should find all
// of it in the loop that reads them.
#pragma once
#include <algorithm>

#include "plan/plan.hpp"

namespace fastopt {

inline void Plan::bind_none(std::size_t parameter) {
    Array& array = arrays_[parameter];
    array.strided.reset();
    array.g = nullptr;
}

[[gnu::always_inline]] inline bool Plan::bind(std::size_t parameter, const ArrayView& g,
                                              bool overlap_checked, const GradientForms& forms) {
    Array& array = arrays_[parameter];
    array.strided.reset();
    const std::size_t item = itemsize(g.dtype);
    const char* low = g.data;
    const char* high = low + std::size_t(array.size) * item;
    if (g.dtype != array.kernel().dtype || !(array.fortran ? g.f_contiguous : g.c_contiguous) ||
        !g.aligned) {
        high = low + item;
        for (std::size_t k = 0; k < g.shape.size(); ++k) {
            const std::ptrdiff_t reach = (g.shape[k] - 1) * g.strides[k];
            (reach < 0 ? low : high) += reach;
        }
        if (array.size > 0) {
            array.strided = std::make_unique<StridedGradient>(g, array.fortran, array.kernel().dtype);
            if (forms.written && array.strided->overlaps_itself()) return false;
        }
    }
    array.g = g.data;
    if (forms.written) {
        if (!g.writeable) return false;
        if (array.size > 0) gradients_.emplace_back(low, high);
    }
    if (overlap_checked || array.size == 0 || array.apart == std::pair(low, high)) return true;
    if (overlaps(low, high)) return false;
    array.apart = {low, high};
    return true;
}

inline bool Plan::gradients_are_apart() {
    std::sort(gradients_.begin(), gradients_.end());
    for (std::size_t i = 1; i < gradients_.size(); ++i) {
        if (gradients_[i].first < gradients_[i - 1].second) return false;
    }
    return true;
}

inline bool Plan::overlaps(const char* low, const char* high) const {
    const auto after = std::partition_point(written_.begin(), written_.end(),
                                            [&](const auto& range) { return range.second <= low; });
    return after != written_.end() && after->first < high;
}

}  // namespace fastopt
