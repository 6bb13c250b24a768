// Drives the plan, on threads. When it ends, workers are asleep or look out for a step.
#include "parts.hpp"

int main() { driver::plan(); }
