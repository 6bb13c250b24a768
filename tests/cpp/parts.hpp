// The parts of the drivers: each prints what it has seen, or ends the process.
#pragma once

namespace driver {

// By how much the parts of the pool are shorter than they would be.
inline int divisor = 1;

void pool();         // pool.cpp
void processes();    // processes.cpp
void parallel();     // parallel.cpp
void kernels();      // kernels.cpp
void common();       // common.cpp
void gradients();    // gradients.cpp
void plan();         // plan.cpp

}  // namespace driver
