// Shares chunks out: a run of them to each thread.
#include "plan/parallel.hpp"

#include <algorithm>

#include "plan/partition.hpp"

namespace fastopt {
namespace {

// Below this many bytes a second thread costs more than it brings.
constexpr std::size_t bytes_per_thread = 1024 * 1024;
// Above this many bytes the step takes longer than it takes to hand over a lock: Python's.
constexpr std::size_t bytes_worth_unlocking = 256 * 1024;

// Turns the chunks of each run round.
struct Backwards {
    const std::uint32_t* edges;
    int runs;
    threads::Task task;
    void* context;

    static void run(void* self, std::uint32_t chunk) noexcept {
        const auto& all = *static_cast<const Backwards*>(self);
        const std::uint32_t* end = std::upper_bound(all.edges, all.edges + all.runs, chunk);
        all.task(all.context, end[-1] + (*end - 1 - chunk));
    }
};

}  // namespace

void share_out(const std::vector<std::size_t>& bytes, int threads, threads::Task task, void* context,
               bool backwards, Unlocked unlocked) {
    const std::size_t total = bytes.back();
    const auto count = std::uint32_t(bytes.size() - 1);
    int runs = std::clamp(threads, 1, threads::max_threads);
    runs = int(std::min<std::size_t>({std::size_t(runs), count, total / bytes_per_thread}));
    runs = std::max(runs, 1);
    std::uint32_t edges[threads::max_threads + 1];
    for (int k = 0; k <= runs; ++k) {
        const std::size_t before = begin_of_run(total, runs, k);
        edges[k] = std::uint32_t(std::lower_bound(bytes.begin(), bytes.end(), before) - bytes.begin());
    }
    edges[runs] = count;
    Backwards turned{edges, runs, task, context};
    if (backwards) {
        task = &Backwards::run;
        context = &turned;
    }
    auto run = [&]() noexcept { threads::run(edges, runs, task, context); };
    if (!unlocked || total < bytes_worth_unlocking) return run();
    unlocked([](void* work) noexcept { (*static_cast<decltype(&run)>(work))(); }, &run);
}

}  // namespace fastopt
