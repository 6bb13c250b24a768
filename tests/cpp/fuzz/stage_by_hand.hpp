// The stages, one element at a time, from python/fastopt/algorithm/stages.py: what rides along around the
// bare rule.
#pragma once
#include <cmath>

#include "fuzz/rows.hpp"

namespace driver::fuzz {

template <class T> class StageByHand {
public:
    explicit StageByHand(const Row& row) : stage_(row.stage) {
        T* to[] = {&scale_, &limit_, &decay_, &keep_, &keep_after_, &shrink_, &slope_, &threshold_, &agree_};
        for (std::size_t k = 0; k < fastopt::stage_scalars; ++k) *to[k] = static_cast<T>(row.scalars[k]);
    }

    void before(T& p, T& g) const {
        if (stage_ == Stage::bare) return;
        g = bounded(scale_ * g, limit_);
        if (stage_ == Stage::coupled || stage_ == Stage::l1) g = g + decay_ * p;
        if (stage_ == Stage::l1 || stage_ == Stage::cautious_l1) g = g + slope_ * sign(p);
        if (!is_cautious()) p = keep_ * p;
    }

    // The step from `begin` to p, where it has to agree with the gradient that the rule was given.
    void between(T& p, T begin, T g) const {
        if (agree_ == 0) return;
        const T step = begin - p, along = step * g > 0 ? agree_ * step : step - step;
        p = begin - (agree_ > 0 ? along : sign(g) * std::fabs(step));
    }

    void after(T& p, T old) const {
        if (stage_ == Stage::bare) return;
        const bool outward = (old > 0 && p > old) || (old < 0 && p < old);
        const bool left_alone = is_cautious() && outward;
        if (is_cautious() && !outward) p = p - shrink_ * old;
        if (stage_ == Stage::l1 || stage_ == Stage::cautious_l1) p = p - bounded(p, threshold_);
        if (!left_alone) p = keep_after_ * p;
    }

private:
    bool is_cautious() const { return stage_ == Stage::cautious || stage_ == Stage::cautious_l1; }
    static T bounded(T x, T limit) { return x > limit ? limit : x < -limit ? -limit : x; }
    static T sign(T x) { return x > 0 ? T(1) : x < 0 ? T(-1) : x + T(0); }

    Stage stage_;
    T scale_, limit_, decay_, keep_, keep_after_, shrink_, slope_, threshold_, agree_;
};

}  // namespace driver::fuzz
