// The levels of this build, as CMake lists them in levels.inc.
#include "dispatch/levels.hpp"

#include <stdexcept>

#include "dispatch/cpu_features.hpp"

namespace fastopt {

#define FASTOPT_EACH_LEVEL(name, label) \
    namespace name {                    \
    extern const KernelTable table;     \
    }
#include "levels.inc"
#undef FASTOPT_EACH_LEVEL

namespace {

#if defined(__x86_64__)
// A build can leave out levels.
[[maybe_unused]] bool runs_x86_64_v3() { return CpuFeatures().runs_x86_64_v3(); }
[[maybe_unused]] bool runs_x86_64_v4() { return CpuFeatures().runs_x86_64_v4(); }
#endif
bool runs_baseline() { return true; }

struct Level {
    const char* label;
    bool (*runs)();
    const KernelTable* table;
};

const Level levels[] = {
#define FASTOPT_EACH_LEVEL(name, label) {label, &runs_##name, &name::table},
#include "levels.inc"
#undef FASTOPT_EACH_LEVEL
};

const Level* in_use = &levels[0];

}  // namespace

std::vector<std::string> runnable_levels() {
    std::vector<std::string> labels;
    for (const Level& level : levels) {
        if (level.runs()) labels.emplace_back(level.label);
    }
    return labels;
}

void use_level(const std::string& name) {
    for (const Level& level : levels) {
        if (name == level.label && level.runs()) {
            in_use = &level;
            return;
        }
    }
    throw std::invalid_argument("this machine does not run the instruction-set level " + name);
}

const char* level_in_use() { return in_use->label; }

const KernelTable& kernel_table() { return *in_use->table; }

const Kernel& find_kernel(const std::string& rule, DType dtype) {
    const KernelTable& table = kernel_table();
    for (int i = 0; i < table.count; ++i) {
        if (table.kernels[i].dtype == dtype && rule == table.kernels[i].rule) {
            return table.kernels[i];
        }
    }
    throw std::invalid_argument("there is no native kernel for the rule " + rule);
}

}  // namespace fastopt
