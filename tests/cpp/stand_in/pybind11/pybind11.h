// The little of Python that csrc/gil.hpp asks for: without an interpreter there is no GIL.
#pragma once

struct PyThreadState {};
inline PyThreadState* PyEval_SaveThread() { return nullptr; }
inline void PyEval_RestoreThread(PyThreadState*) {}
