// The GIL: let go for the time of some work, and taken back where the interpreter may have begun to end.
#pragma once
#include <pybind11/pybind11.h>

#include <chrono>
#include <thread>

namespace fastopt {

// Calls what may take the GIL, and throws nothing. Up to 3.13, Python ends a daemon thread that asks for
// the GIL when the interpreter ends, by pthread_exit, which glibc does by unwinding the stack: a destructor
// on it that is noexcept aborts the process, and one of a Python object touches what the main thread is
// taking apart. So the thread is held here, in the innermost handler, until the process ends. From 3.14 on
// Python itself does so.
template <class Call> auto held_at_exit(Call call) -> decltype(call()) {
    try {
        return call();
    } catch (...) {
        for (;;) std::this_thread::sleep_for(std::chrono::hours(1));
    }
}

// Does work, which must not throw, without the GIL.
template <class Work> void without_gil(Work work) {
    static_assert(noexcept(work()));
    PyThreadState* const state = PyEval_SaveThread();
    work();
    held_at_exit([state] { PyEval_RestoreThread(state); });
}

// The same, for a plan.
inline void without_gil(void (*work)(void* context) noexcept, void* context) {
    without_gil([=]() noexcept { work(context); });
}

}  // namespace fastopt
