// Every level in turn, and the lowest one afterwards.
#include "levels.hpp"

#include "dispatch/levels.hpp"

namespace driver {

std::vector<const fastopt::KernelTable*> tables() {
    std::vector<const fastopt::KernelTable*> found;
    for (const std::string& level : fastopt::runnable_levels()) {
        fastopt::use_level(level);
        found.push_back(&fastopt::kernel_table());
    }
    fastopt::use_level(fastopt::runnable_levels().front());
    return found;
}

}  // namespace driver
