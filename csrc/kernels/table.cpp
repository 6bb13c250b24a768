// The table of kernels: every rule in csrc/kernels/rules/, for every dtype. Compiled once per
// instruction-set level; FASTOPT_LEVEL names the level and the namespace.
#include "kernels/epilogue.hpp"
#include "kernels/gather.hpp"
#include "kernels/kernel.hpp"
#include "kernels/reduce.hpp"
#include "kernels/sweep.hpp"

namespace fastopt::FASTOPT_LEVEL {

// A rule header ends with FASTOPT_RULE(name) for each rule in it, which takes the next number; or with
// FASTOPT_MOVE(name) where it is no optimizer's rule, and nothing rides along around it.
template <int Number, class T> struct RuleNumber;
constexpr int rules_before = __COUNTER__ + 1;
#define FASTOPT_NUMBERED(name, staged)                                       \
    template <class T> struct RuleNumber<__COUNTER__ - rules_before, T> {   \
        using type = name<T>;                                                \
        static constexpr const char* label = #name;                          \
        static constexpr bool has_stages = staged;                           \
    };
#define FASTOPT_RULE(name) FASTOPT_NUMBERED(name, true)
#define FASTOPT_MOVE(name) FASTOPT_NUMBERED(name, false)

}  // namespace fastopt::FASTOPT_LEVEL

#include "rules.inc"

namespace fastopt::FASTOPT_LEVEL {

constexpr int rule_count = __COUNTER__ - rules_before;

template <class T>
static constexpr Common common = {
    .gather = {&gather<T, float>, &gather<T, double>, &gather<T, Float16>, &gather<T, BFloat16>},
    .sum_of_squares = &sum_of_squares<T>,
    .sum_of_differences = &sum_of_differences<T>,
    .pull = &pull<T>,
    .average = &average<T>,
    .to_float16 = &narrow<T, Float16>,
    .to_bfloat16 = &narrow<T, BFloat16>,
};

template <class T, DType dtype, int Number> constexpr Kernel kernel_of() {
    using Numbered = RuleNumber<Number, T>;
    using Rule = typename Numbered::type;
    constexpr int states = count_states(&Rule::operator());
    static_assert(states <= max_states);
    static_assert(sizeof(bare<T>) == decay_scalars * sizeof(T));
    static_assert(sizeof(decoupled<T>) == decay_scalars * sizeof(T));
    static_assert(sizeof(coupled<T>) == decay_scalars * sizeof(T));
    static_assert(sizeof(cautious<T>) == cautious_scalars * sizeof(T));
    static_assert(sizeof(l1<T>) == l1_scalars * sizeof(T));
    static_assert(sizeof(cautious_l1<T>) == cautious_l1_scalars * sizeof(T));
    static_assert(sizeof(l1<T>) + sizeof(Rule) <= most_scalars * sizeof(T));    // with its largest stage
    Kernel kernel = {.rule = Numbered::label,
                     .dtype = dtype,
                     .states = states,
                     .coefficients = static_cast<int>(sizeof(Rule) / sizeof(T)),
                     .sweep = {&sweep<T, bare, Rule>},
                     .full_sweep = {},
                     .common = &common<T>};
    if constexpr (Numbered::has_stages) {
        kernel.sweep[int(Stage::decoupled)] = &sweep<T, decoupled, Rule>;
        kernel.sweep[int(Stage::coupled)] = &sweep<T, coupled, Rule>;
        kernel.sweep[int(Stage::cautious)] = &sweep<T, cautious, Rule>;
        kernel.sweep[int(Stage::l1)] = &sweep<T, l1, Rule>;
        kernel.sweep[int(Stage::cautious_l1)] = &sweep<T, cautious_l1, Rule>;
        // Few use the others together with everything else: they are worth no code of their own.
        kernel.full_sweep[int(Stage::bare)] = &full_sweep<T, decoupled, Rule>;
        kernel.full_sweep[int(Stage::decoupled)] = &full_sweep<T, decoupled, Rule>;
        kernel.full_sweep[int(Stage::coupled)] = &full_sweep<T, coupled, Rule>;
    }
    return kernel;
}

struct AllKernels {
    Kernel kernels[2 * rule_count];
};

template <int... I> constexpr AllKernels all_kernels(Indices<I...>) {
    return {{kernel_of<float, DType::float32, I>()..., kernel_of<double, DType::float64, I>()...}};
}

static constexpr AllKernels all = all_kernels(MakeIndices<rule_count>::type{});

extern const KernelTable table;
constexpr KernelTable table = {all.kernels, 2 * rule_count};

}  // namespace fastopt::FASTOPT_LEVEL
