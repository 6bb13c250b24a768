// What an x86-64 processor has, and whether the operating system saves its registers. Asked of the
// processor itself, as the compilers' own tests need their run-time library, which clang-cl does not link.
#pragma once
#if defined(__x86_64__)
#include <cpuid.h>

namespace fastopt {

class CpuFeatures {
public:
    CpuFeatures() {
        unsigned a = 0, b = 0, c = 0, d = 0;
        if (!__get_cpuid(1, &a, &b, &c, &d)) return;
        features_ = c;
        if (features(1u << osxsave)) saved_ = registers_saved();
        if (__get_cpuid_count(7, 0, &a, &b, &c, &d)) extended_ = b;
        if (__get_cpuid(0x80000001, &a, &b, &c, &d)) more_ = c;
    }

    // The levels of the x86-64 psABI: every feature of them, as a compiler may use each.
    bool runs_x86_64_v3() const {
        constexpr unsigned v2 = 1u << sse3 | 1u << ssse3 | 1u << cx16 | 1u << sse4_1 | 1u << sse4_2 |
                                1u << popcnt;
        return (saved_ & ymm_state) == ymm_state &&
               features(v2 | 1u << fma | 1u << movbe | 1u << avx | 1u << f16c) &&
               extended(1u << bmi1 | 1u << avx2 | 1u << bmi2) && (more_ >> lzcnt & 1);
    }
    bool runs_x86_64_v4() const {
        return runs_x86_64_v3() && (saved_ & zmm_state) == zmm_state &&
               extended(1u << avx512f | 1u << avx512dq | 1u << avx512cd | 1u << avx512bw |
                        1u << avx512vl);
    }

private:
    // Bits of leaf 1, ecx; of leaf 7, ebx; of leaf 0x80000001, ecx; and of the register XCR0.
    enum { sse3 = 0, ssse3 = 9, fma = 12, cx16 = 13, sse4_1 = 19, sse4_2 = 20, movbe = 22, popcnt = 23 };
    enum { osxsave = 27, avx = 28, f16c = 29 };
    enum { bmi1 = 3, avx2 = 5, bmi2 = 8 };
    enum { avx512f = 16, avx512dq = 17, avx512cd = 28, avx512bw = 30, avx512vl = 31 };
    enum { lzcnt = 5 };
    static constexpr unsigned ymm_state = 0x06, zmm_state = 0xe6;

    bool features(unsigned bits) const { return (features_ & bits) == bits; }
    bool extended(unsigned bits) const { return (extended_ & bits) == bits; }

    static unsigned registers_saved() {
        unsigned low, high;
        asm volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
        return low;
    }

    unsigned features_ = 0, extended_ = 0, more_ = 0, saved_ = 0;
};

}  // namespace fastopt
#endif
