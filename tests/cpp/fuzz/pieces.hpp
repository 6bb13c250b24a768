// The bare rule, on elements that lie one after the other, by a plan of its own whose parameters are pieces
// of them: no result depends on where in a vector, a tile or a chunk an element stands.
#pragma once
#include <vector>

#include "fuzz/rows.hpp"

namespace driver::fuzz {

template <class T> struct Pieces {
    std::vector<T> p, g;
    std::vector<std::vector<T>> states;

    // Cuts them anywhere, if they are few mostly into single elements, and updates them.
    void update(Random& random, const Kernel& kernel, const Row& row, bool flush);
};

extern template struct Pieces<float>;
extern template struct Pieces<double>;

}  // namespace driver::fuzz
