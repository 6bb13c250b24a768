// The loop that smooths a signal.
#include "plan/smoothing.hpp"

#include "pool/fpenv.hpp"

namespace fastopt {
namespace {

template <class T> void smooth_all(const Signal& signal, T beta, T one_minus_beta) {
    const T* x = reinterpret_cast<const T*>(signal.x);
    T* out = reinterpret_cast<T*>(signal.out);
    T* state = reinterpret_cast<T*>(signal.state);
    const T* const corrections = reinterpret_cast<const T*>(signal.corrections);
    const std::ptrdiff_t length = signal.length, inner = signal.inner;
    for (std::ptrdiff_t o = 0; o < signal.outer; ++o, state += inner) {
        for (std::ptrdiff_t t = 0; t < length; ++t, x += inner, out += inner) {
#pragma omp simd
            for (std::ptrdiff_t i = 0; i < inner; ++i) {
                state[i] = beta * state[i] + one_minus_beta * x[i];
                out[i] = corrections ? state[i] / corrections[t] : state[i];
            }
        }
    }
}

}  // namespace

void smooth(DType dtype, const Signal& signal, double beta) noexcept {
    const FloatingPointEnvironment environment;
    if (dtype == DType::float32) {
        smooth_all(signal, float(beta), float(1.0 - beta));
    } else {
        smooth_all(signal, beta, 1.0 - beta);
    }
}

}  // namespace fastopt
