// Which processor a thread is on, and how it stays off another one's.
#pragma once
#if defined(__linux__)
#include <sched.h>
#endif

namespace fastopt {

#if defined(__linux__)

inline int current_processor() { return sched_getcpu(); }

// The processors that the calling thread may use, of which it can leave one aside.
class Processors {
public:
    Processors() { known_ = sched_getaffinity(0, sizeof all_, &all_) == 0 && CPU_COUNT(&all_) > 1; }

    void leave(int processor) const {
        if (!known_ || processor < 0 || processor >= CPU_SETSIZE) return;
        cpu_set_t rest = all_;
        CPU_CLR(static_cast<unsigned>(processor), &rest);
        sched_setaffinity(0, sizeof rest, &rest);
    }

private:
    cpu_set_t all_;
    bool known_;
};

#else

inline int current_processor() { return -1; }

class Processors {
public:
    void leave(int) const {}
};

#endif

}  // namespace fastopt
