#include "python/smoothing.hpp"

#include "pool/fpenv.hpp"
#include "python/gil.hpp"

namespace fastopt {
namespace {

template <class T>
void smooth_all(const T* x, T* out, T* state, const T* corrections, T beta, T one_minus_beta,
                std::ptrdiff_t outer, std::ptrdiff_t length, std::ptrdiff_t inner) {
    for (std::ptrdiff_t o = 0; o < outer; ++o, state += inner) {
        for (std::ptrdiff_t t = 0; t < length; ++t, x += inner, out += inner) {
#pragma omp simd
            for (std::ptrdiff_t i = 0; i < inner; ++i) {
                state[i] = beta * state[i] + one_minus_beta * x[i];
                out[i] = corrections ? state[i] / corrections[t] : state[i];
            }
        }
    }
}

template <class T>
void smooth_as(const NdArray& x, const NdArray& out, const NdArray& state, const char* corrections,
               double beta) {
    without_gil([&]() noexcept {
        const FloatingPointEnvironment environment;
        smooth_all(reinterpret_cast<const T*>(x.data()), reinterpret_cast<T*>(out.data()),
                   reinterpret_cast<T*>(state.data()), reinterpret_cast<const T*>(corrections), T(beta),
                   T(1.0 - beta), x.shape(0), x.shape(1), x.shape(2));
    });
}

}  // namespace

void smooth(const py::object& signal, const py::object& out, const py::object& state, double beta,
            const py::object& corrections) {
    const NdArray x(signal.ptr());
    const char* divisors = corrections.is_none() ? nullptr : NdArray(corrections.ptr()).data();
    const auto smooth_in = x.dtype() == DType::float32 ? smooth_as<float> : smooth_as<double>;
    smooth_in(x, NdArray(out.ptr()), NdArray(state.ptr()), divisors, beta);
}

}  // namespace fastopt
