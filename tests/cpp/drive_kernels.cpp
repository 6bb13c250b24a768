// Drives the kernels of every level that this machine runs, and what stands around them.
#include "parts.hpp"

int main() {
    driver::kernels();
    driver::common();
    driver::gradients();
}
