// The floating-point environment that the numerics contract asks for: round to nearest, subnormals
// kept. A library built with -ffast-math may have left another one behind in any thread. Compilers move
// arithmetic across all of this, so what is meant stands behind the address of a kernel.
#pragma once
#if defined(__x86_64__)
#include <xmmintrin.h>
#else
#include <cfenv>
#endif
#include <cstdint>

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

// Takes subnormal numbers for zero, as operands and as results, for its own lifetime, if it is asked to
// and the processor can: MXCSR's FTZ and DAZ, FPCR's FZ.
class SubnormalsFlushed {
public:
    explicit SubnormalsFlushed(bool asked) : asked_(asked), saved_(asked ? control() : 0) {
        if (asked_) set_control(saved_ | flush);
    }
    ~SubnormalsFlushed() {
        if (asked_) set_control(saved_);
    }
    SubnormalsFlushed(const SubnormalsFlushed&) = delete;
    SubnormalsFlushed& operator=(const SubnormalsFlushed&) = delete;

private:
#if defined(__x86_64__)
    using Control = unsigned;
    static constexpr Control flush = 0x8040;
    static Control control() { return _mm_getcsr(); }
    static void set_control(Control word) { _mm_setcsr(word); }
#elif defined(__aarch64__)
    using Control = std::uint64_t;
    static constexpr Control flush = Control(1) << 24;
    static Control control() {
        Control word;
        asm volatile("mrs %0, fpcr" : "=r"(word) : : "memory");
        return word;
    }
    static void set_control(Control word) { asm volatile("msr fpcr, %0" : : "r"(word) : "memory"); }
#else
    using Control = unsigned;
    static constexpr Control flush = 0;
    static Control control() { return 0; }
    static void set_control(Control) {}
#endif

    bool asked_;
    Control saved_;
};

}  // namespace fastopt
