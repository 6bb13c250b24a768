// The table of kernels: every rule in csrc/rules/, for every dtype. Compiled once per instruction-set
// level; FASTOPT_LEVEL names the level and the namespace.
#include "epilogue.hpp"
#include "gather.hpp"
#include "kernel.hpp"
#include "reduce.hpp"
#include "sweep.hpp"

namespace fastopt::FASTOPT_LEVEL {

// A rule header ends with FASTOPT_RULE(name) for each rule in it, which takes the next number.
template <int Number, class T> struct rule_number;
constexpr int rules_before = __COUNTER__ + 1;
#define FASTOPT_RULE(name)                                                   \
    template <class T> struct rule_number<__COUNTER__ - rules_before, T> {   \
        using type = name<T>;                                                \
        static constexpr const char* label = #name;                          \
    };

}  // namespace fastopt::FASTOPT_LEVEL

#include "rules.inc"

namespace fastopt::FASTOPT_LEVEL {

constexpr int rule_count = __COUNTER__ - rules_before;

template <class T>
static constexpr Common common = {
    .gather = {&gather<T, float>, &gather<T, double>, &gather<T, float16>, &gather<T, bfloat16>},
    .sum_of_squares = &sum_of_squares<T>,
    .sum_of_differences = &sum_of_differences<T>,
    .pull = &pull<T>,
    .average = &average<T>,
    .to_float16 = &narrow<T, float16>,
    .to_bfloat16 = &narrow<T, bfloat16>,
};

template <class T, DType dtype, int Number> constexpr Kernel kernel_of() {
    using Numbered = rule_number<Number, T>;
    using Rule = typename Numbered::type;
    constexpr int states = count_states(&Rule::operator());
    static_assert(states <= max_states);
    static_assert(sizeof(bare<T>) == decay_scalars * sizeof(T));
    static_assert(sizeof(decoupled<T>) == decay_scalars * sizeof(T));
    static_assert(sizeof(coupled<T>) == decay_scalars * sizeof(T));
    static_assert(sizeof(cautious<T>) == cautious_scalars * sizeof(T));
    static_assert(sizeof(l1<T>) == l1_scalars * sizeof(T));
    static_assert(sizeof(cautious_l1<T>) == cautious_l1_scalars * sizeof(T));
    return {.rule = Numbered::label,
            .dtype = dtype,
            .states = states,
            .coefficients = static_cast<int>(sizeof(Rule) / sizeof(T)),
            .sweep = {&sweep<T, bare, Rule>, &sweep<T, decoupled, Rule>, &sweep<T, coupled, Rule>,
                      &sweep<T, cautious, Rule>, &sweep<T, l1, Rule>, &sweep<T, cautious_l1, Rule>},
            // Few use the others together with everything else: they are worth no code of their own.
            .sweep_all = {&sweep_all<T, decoupled, Rule>, &sweep_all<T, decoupled, Rule>,
                          &sweep_all<T, coupled, Rule>},
            .common = &common<T>};
}

struct AllKernels {
    Kernel kernels[2 * rule_count];
};

template <int... I> constexpr AllKernels all_kernels(indices<I...>) {
    return {{kernel_of<float, DType::float32, I>()..., kernel_of<double, DType::float64, I>()...}};
}

static constexpr AllKernels all = all_kernels(make_indices<rule_count>::type{});

extern const KernelTable table;
constexpr KernelTable table = {all.kernels, 2 * rule_count};

}  // namespace fastopt::FASTOPT_LEVEL
