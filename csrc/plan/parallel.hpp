// How the chunks of a step are shared out among the threads.
#pragma once
#include <cstddef>
#include <vector>

#include "pool/threads.hpp"

namespace fastopt {

// Calls work(context) without a lock that the caller has, which other threads can take meanwhile.
using Unlocked = void (*)(void (*work)(void* context) noexcept, void* context);

// Calls task(context, chunk) for every chunk, on at most so many threads. `bytes` says how many bytes
// the chunks before chunk 0, 1, ... hold, and last all of them; each thread begins with an equal part of
// them, the same chunks at every step, and if asked takes them from the last to the first. Unlocked, if
// there is such a way, where that is worth it.
void share_out(const std::vector<std::size_t>& bytes, int threads, threads::Task task, void* context,
               bool backwards = false, Unlocked unlocked = nullptr);

}  // namespace fastopt
