// A check whose failure ends the process, in builds of every kind.
#pragma once
#include <cstdio>
#include <cstdlib>

// Says what should have been so, and where.
#define CHECK(condition)                                                                 \
    do {                                                                                 \
        if (!(condition)) {                                                              \
            std::fprintf(stderr, "%s:%d: not so: %s\n", __FILE__, __LINE__, #condition); \
            std::_Exit(1);                                                               \
        }                                                                                \
    } while (false)
