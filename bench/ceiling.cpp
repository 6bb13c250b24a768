// What the machine can do at best, for the benchmarks to measure against: sweeps that move the same
// bytes as an optimizer step and only add, the library's own kernel in an OpenMP static loop, and a
// whole training step by hand, for one combination of stages and nothing else.
// Compiled by bench/ceiling.py, with OpenMP, for this machine alone.
#include <omp.h>

#include <cstddef>

#define FASTOPT_LEVEL ceiling
#define FASTOPT_RULE(name)
#include "kernels/rules/adam.hpp"
#include "kernels/sweep.hpp"

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
        kernels::sweep<float, kernels::bare, kernels::adam<float>>(scalars, s[1] + begin,
                                                                        s[0] + begin, states, end - begin);
    });
}

// One read for the norm, then one loop: clip, AdamW, average, bfloat16 copy, zeroed gradient.
void whole_step_float32(float* g, float* p, float* m, float* v, float* e, unsigned short* low,
                        std::ptrdiff_t n, int threads) {
    double total = 0.0;
#pragma omp parallel for simd num_threads(threads) reduction(+ : total)
    for (std::ptrdiff_t i = 0; i < n; ++i) total += double(g[i]) * double(g[i]);
    const float clip = total > 1.0 ? float(1.0 / __builtin_sqrt(total)) : 1.0f;
    in_parallel(n, threads, [&](std::ptrdiff_t begin, std::ptrdiff_t end) {
#pragma omp simd
        for (std::ptrdiff_t i = begin; i < end; ++i) {
            const float x = clip * g[i];
            m[i] = 0.9f * m[i] + 0.1f * x;
            v[i] = 0.999f * v[i] + 0.001f * x * x;
            p[i] = 0.99999f * p[i] - 0.001f * m[i] / (__builtin_sqrtf(v[i]) * 1.5f + 1e-8f);
            e[i] = 0.999f * e[i] + 0.001f * p[i];
            unsigned bits;
            __builtin_memcpy(&bits, &p[i], sizeof bits);
            low[i] = static_cast<unsigned short>((bits + 0x7fff + (bits >> 16 & 1)) >> 16);
            g[i] = 0.0f;
        }
    });
}
}
