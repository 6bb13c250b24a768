// What the machine can do at best, for the benchmarks to measure against: sweeps that move the same
// bytes as an optimizer step and only add, and the library's own kernel in an OpenMP static loop.
// Compiled by bench/ceiling.py, with OpenMP, for this machine alone.
#include <omp.h>

#include <cstddef>

#define FASTOPT_LEVEL ceiling
#define FASTOPT_RULE(name)
#include "rules/adam.hpp"
#include "sweep.hpp"

namespace kernels = fastopt::FASTOPT_LEVEL;

namespace {

// Calls part(begin, end) on each thread, with a contiguous part of n that ends on a cache line.
template <class Part> void in_parallel(std::ptrdiff_t n, int threads, Part part) {
#pragma omp parallel num_threads(threads)
    {
        const std::ptrdiff_t each = (n / threads + 63) / 64 * 64;
        const std::ptrdiff_t begin = each * omp_get_thread_num();
        const std::ptrdiff_t end = begin + each < n ? begin + each : n;
        if (begin < end) part(begin, end);
    }
}

template <class T> void add(T* const* streams, int states, std::ptrdiff_t n, int threads) {
    in_parallel(n, threads, [&](std::ptrdiff_t begin, std::ptrdiff_t end) {
        const T* const g = streams[0];
        T* const p = streams[1];
        T* const a = streams[2];
        T* const b = streams[3];
        T* const c = streams[4];
        switch (states) {
            case 0:
#pragma omp simd
                for (std::ptrdiff_t i = begin; i < end; ++i) p[i] += g[i];
                return;
            case 1:
#pragma omp simd
                for (std::ptrdiff_t i = begin; i < end; ++i) a[i] += g[i], p[i] += a[i];
                return;
            case 2:
#pragma omp simd
                for (std::ptrdiff_t i = begin; i < end; ++i) a[i] += g[i], b[i] += g[i], p[i] += a[i];
                return;
            default:
#pragma omp simd
                for (std::ptrdiff_t i = begin; i < end; ++i)
                    a[i] += g[i], b[i] += g[i], c[i] += g[i], p[i] += a[i];
        }
    });
}

}  // namespace

extern "C" {

// Streams: the gradient, which is only read, then the parameter and up to three states.
void add_float32(float* const* s, int states, std::ptrdiff_t n, int threads) { add(s, states, n, threads); }
void add_float64(double* const* s, int states, std::ptrdiff_t n, int threads) { add(s, states, n, threads); }

// Adam of the library, scheduled as OpenMP does.
void adam_float32(float* const* s, const float* scalars, std::ptrdiff_t n, int threads) {
    in_parallel(n, threads, [&](std::ptrdiff_t begin, std::ptrdiff_t end) {
        void* states[] = {s[2] + begin, s[3] + begin};
        kernels::sweep<float, kernels::decoupled, kernels::adam<float>>(scalars, s[1] + begin,
                                                                        s[0] + begin, states, end - begin);
    });
}
}
