// The thread pool. The caller works too; a step ends when its chunks are done, not when every worker
// has been scheduled, so that threads kept busy by another library (a BLAS that spins after a matrix
// product) cost parallelism, never time.
#pragma once
#include <cstdint>

namespace fastopt::threads {

using Task = void (*)(void* context, std::uint32_t chunk) noexcept;

constexpr int max_threads = 256;

// Calls task(context, chunk) once for every chunk from edges[0] up to edges[runs]: thread k begins
// with the chunks from edges[k] to edges[k + 1], then takes over what others have not begun. Runs all
// on the calling thread when runs is 1, or when another thread holds the pool.
void run(const std::uint32_t* edges, int runs, Task task, void* context) noexcept;

}  // namespace fastopt::threads
