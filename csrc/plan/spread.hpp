// Arrays that broadcast to a parameter: one number for each row, each column or the like. A rule has them as its
// last states, and reads them; they are spread over the elements of a tile before.
#pragma once
#include <cstddef>
#include <vector>

namespace fastopt {

using Steps = std::vector<std::ptrdiff_t>;    // in elements, one for each axis; 0 where one number is for all

// Walks over the elements of a parameter in the order of its memory, along with such arrays.
struct Spread {
    Steps lengths;              // of the axes of the parameter, from the outermost in memory
    std::vector<char*> data;    // of each array
    std::vector<Steps> steps;

    // Where the runs begin that the elements from `begin` lie in: calls work(at, length, offset) for stretches of
    // n elements that lie on the last axis alone: from the element `at` of that, with the offset that each array
    // has at its beginning.
    template <class Work> void each_run(std::ptrdiff_t begin, std::ptrdiff_t n, Work work) const {
        const std::size_t axes = lengths.size(), last = axes - 1;
        std::ptrdiff_t index[most_axes], offsets[most_arrays] = {};
        std::ptrdiff_t rest = begin / lengths[last], at = begin % lengths[last];
        for (std::size_t a = last; a-- > 0; rest /= lengths[a]) {
            index[a] = rest % lengths[a];
            for (std::size_t k = 0; k < data.size(); ++k) offsets[k] += index[a] * steps[k][a];
        }
        for (std::ptrdiff_t done = 0; done < n; at = 0) {
            const std::ptrdiff_t left = lengths[last] - at, length = left < n - done ? left : n - done;
            work(at, length, offsets);
            done += length;
            for (std::size_t a = last; a-- > 0;) {
                const bool carries = ++index[a] == lengths[a];
                for (std::size_t k = 0; k < data.size(); ++k) {
                    offsets[k] += steps[k][a] - (carries ? lengths[a] * steps[k][a] : 0);
                }
                if (!carries) break;
                index[a] = 0;
            }
        }
    }

    // Writes the numbers of an array for the n elements from `begin`.
    void read(std::size_t array, std::size_t item, std::ptrdiff_t begin, std::ptrdiff_t n, char* to) const noexcept;

    static constexpr std::size_t most_axes = 64, most_arrays = 8;
};

}  // namespace fastopt
