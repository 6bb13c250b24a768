// The table of kernels: every rule in csrc/kernels/rules/, for every dtype. Compiled once per
// instruction-set level; FASTOPT_LEVEL names the level and the namespace.
#include "kernels/arithmetic.hpp"    // first, as it names the level where nothing else does

#include "kernels/gather.hpp"
#include "kernels/kernel.hpp"
#include "kernels/look.hpp"
#include "kernels/portions.hpp"
#include "kernels/reduce.hpp"
#include "kernels/sweep.hpp"
#include "kernels/tiles.hpp"

namespace fastopt::FASTOPT_LEVEL {

// A rule header ends with FASTOPT_RULE(name) for each rule in it, which takes the next number; with
// FASTOPT_POPULAR_RULE(name) for a rule that many use with coupled weight decay, whose loop costs some 2 KB
// for each dtype and level, and which saves a fifth of the time where memory is far; with
// FASTOPT_LONG_RULE(name) for one that computes so much that weight decay in a tile of its own costs nothing to speak
// of, and whose loops are longest: it has one loop; with FASTOPT_DIRECTION(name) where it changes nothing, and what it returns is summed; or with FASTOPT_MOVE(name) where
// it is no optimizer's rule, and nothing rides along around it.
template <int Number, class T> struct RuleNumber;
constexpr int rules_before = __COUNTER__ + 1;
#define FASTOPT_NUMBERED(name, stages, rides)                                \
    template <class T> struct RuleNumber<__COUNTER__ - rules_before, T> {   \
        using type = name<T>;                                                \
        static constexpr const char* label = #name;                          \
        static constexpr int fused = stages;                                 \
        static constexpr bool staged = rides;                                \
    };
#define FASTOPT_LONG_RULE(name) FASTOPT_NUMBERED(name, 1, true)
#define FASTOPT_MOVE(name) FASTOPT_NUMBERED(name, 1, false)
#define FASTOPT_DIRECTION(name) FASTOPT_NUMBERED(name, 0, true)
#define FASTOPT_RULE(name) FASTOPT_NUMBERED(name, 2, true)
#define FASTOPT_POPULAR_RULE(name) FASTOPT_NUMBERED(name, 3, true)

}  // namespace fastopt::FASTOPT_LEVEL

#include "rules.inc"

namespace fastopt::FASTOPT_LEVEL {

constexpr int rule_count = __COUNTER__ - rules_before;

template <class T>
static constexpr StageScalars<T> neutral = {1, T(__builtin_inf()), 0, 1, 1, 0, 0, 0, 0};
static_assert(sizeof neutral<double> == stage_scalars * sizeof(double));

template <class T, template <class> class Stage>
constexpr Common::Around around = {&before_rule<T, Stage<T>>, &after_rule<T, Stage<T>>};
template <class T> constexpr Common::Around around<T, bare> = {};
#define FASTOPT_AROUND(stage) around<T, stage>,

template <class T, class Copy> constexpr Narrow narrowing() {
    if constexpr (requires { narrowed_to(T(), Copy()); }) return &narrow<T, Copy>;
    return nullptr;
}
#define FASTOPT_GATHER(name, type, bytes) &gather<T, type>,
#define FASTOPT_NARROW(name, type, bytes) narrowing<T, type>(),

template <class T, auto decode, auto nearest, auto noisy, Storage storage> constexpr Common::Codec codec() {
    constexpr StorageSizes sizes = storage_sizes[int(storage)];
    if constexpr (sizeof(T) != sizeof(float)) return {};
    return {&decode_tile<decode, sizes.bytes, sizes.beside, sizes.shared>, &encode_tile<nearest, noisy>};
}
#define FASTOPT_CODEC(name, decode, encode) \
    codec<T, &decode, &encode<Nearest>, &encode<Noisy>, Storage::name>()
#define FASTOPT_EXACT_CODEC(name, decode, encode) codec<T, &decode, &encode, &encode, Storage::name>()
#define FASTOPT_BLOCK_CODEC(name, has_sign)                                                        \
    codec<T, &decode_blocks<has_sign>, &encode_blocks<has_sign, Nearest>,                          \
          &encode_blocks<has_sign, Noisy>, Storage::name>()

template <class T>
static constexpr Common common = {
    .neutral = &neutral<T>,
    .around = {FASTOPT_STAGES(FASTOPT_AROUND)},
    .agree = &agree<T>,
    .agreeing = &agreeing<T>,
    .gather = {FASTOPT_FORMATS(FASTOPT_GATHER)},
    .narrow = {FASTOPT_FORMATS(FASTOPT_NARROW)},
    .pull = &pull<T>,
    .average = &average<T>,
    .scale = &take_portion<Scaled, T, T>,
    .hold_scaled = &take_portion<Held, T, T>,
    .hold_masked = &take_portion<Held, T, std::uint8_t>,
    .sum_of_squares = &sum_of_squares<T>,
    .sum_of_values = &sum_of_values<T>,
    .add_each = &add_each<T>,
    .raise_each = &raise_each<T>,
    .raise_one = &raise_one<T>,
    .sum_of_differences = &sum_of_differences<T>,
    .add_to_lanes = &add_to_lanes<T>,
    .folded = &folded,
    .codecs = {{},
               FASTOPT_CODEC(bfloat16, decode_bfloat16, encode_bfloat16),
               FASTOPT_EXACT_CODEC(split, decode_split, encode_split),
               FASTOPT_EXACT_CODEC(master, decode_master, encode_master),
               FASTOPT_BLOCK_CODEC(signed8, true),
               FASTOPT_BLOCK_CODEC(unsigned8, false)},
    .noise = &make_noise,
};

template <class T, DType dtype, int Number> constexpr Kernel kernel_of() {
    using Numbered = RuleNumber<Number, T>;
    using Rule = typename Numbered::type;
    constexpr int states = count_states(&Rule::operator());
    static_assert(states <= max_states);
    static_assert(sizeof(Rule) <= most_coefficients * sizeof(T));
    Kernel kernel = {.rule = Numbered::label,
                     .dtype = dtype,
                     .states = states,
                     .coefficients = static_cast<int>(sizeof(Rule) / sizeof(T)),
                     .fused = {},
                     .look = nullptr,
                     .read = 0,
                     .results = 0,
                     .staged = Numbered::staged,
                     .common = &common<T>};
    constexpr int fused = Numbered::fused;
    if constexpr (fused > 0) {
        kernel.fused[int(Stage::bare)] = &sweep<T, bare, Rule>;
    } else {
        using Looks = decltype(look_of<T>(&Rule::operator()));
        kernel.look = &Looks::look;
        kernel.read = Looks::read;
        kernel.results = Looks::results;
    }
    if constexpr (fused > 1) kernel.fused[int(Stage::decoupled)] = &sweep<T, decoupled, Rule>;
    if constexpr (fused > 2) kernel.fused[int(Stage::coupled)] = &sweep<T, coupled, Rule>;
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
