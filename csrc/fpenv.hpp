// The floating-point environment that the numerics contract asks for: round to nearest, subnormals
// kept. A library built with -ffast-math may have left another one behind in any thread.
#pragma once
#if defined(__x86_64__)
#include <xmmintrin.h>
#else
#include <cfenv>
#endif

namespace fastopt {

// Sets the environment for its own lifetime and gives the thread's own one back.
class FloatingPointEnvironment {
public:
#if defined(__x86_64__)
    FloatingPointEnvironment() : saved_(_mm_getcsr()) { _mm_setcsr(0x1f80); }
    ~FloatingPointEnvironment() { _mm_setcsr(saved_); }
#else
    FloatingPointEnvironment() {
        std::fegetenv(&saved_);
        std::fesetenv(FE_DFL_ENV);
    }
    ~FloatingPointEnvironment() { std::fesetenv(&saved_); }
#endif
    FloatingPointEnvironment(const FloatingPointEnvironment&) = delete;
    FloatingPointEnvironment& operator=(const FloatingPointEnvironment&) = delete;

private:
#if defined(__x86_64__)
    unsigned saved_;
#else
    std::fenv_t saved_;
#endif
};

}  // namespace fastopt
