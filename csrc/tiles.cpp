#include "tiles.hpp"

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <cstring>

namespace fastopt {
namespace {

constexpr std::size_t tile_bytes = 16 * 1024;    // inside L1, beside what the sweep reads
constexpr std::ptrdiff_t rows_at_once = 16;      // a cache line of float32

std::ptrdiff_t pieces(std::ptrdiff_t length, std::ptrdiff_t piece) {
    return (length + piece - 1) / piece;
}

// Transposes a 4 x 4 block: from[j * stride + i] goes to to[i * width + j], strides in bytes and in
// elements. Compilers do not find these shuffles by themselves.
template <class T>
void transpose4(const char* from, std::ptrdiff_t stride, T* to, std::ptrdiff_t width) {
    typedef T Vector __attribute__((vector_size(4 * sizeof(T))));
    Vector a, b, c, d;
    std::memcpy(&a, from, sizeof a);    // from may be misaligned
    std::memcpy(&b, from + stride, sizeof b);
    std::memcpy(&c, from + 2 * stride, sizeof c);
    std::memcpy(&d, from + 3 * stride, sizeof d);
    const Vector ab_low = __builtin_shufflevector(a, b, 0, 4, 1, 5);
    const Vector ab_high = __builtin_shufflevector(a, b, 2, 6, 3, 7);
    const Vector cd_low = __builtin_shufflevector(c, d, 0, 4, 1, 5);
    const Vector cd_high = __builtin_shufflevector(c, d, 2, 6, 3, 7);
    const Vector rows[] = {__builtin_shufflevector(ab_low, cd_low, 0, 1, 4, 5),
                           __builtin_shufflevector(ab_low, cd_low, 2, 3, 6, 7),
                           __builtin_shufflevector(ab_high, cd_high, 0, 1, 4, 5),
                           __builtin_shufflevector(ab_high, cd_high, 2, 3, 6, 7)};
    for (int i = 0; i < 4; ++i) std::memcpy(to + i * width, &rows[i], sizeof rows[i]);
}

// Copies one column: rows elements, stride bytes apart, to every width-th place.
template <class T>
void copy_column(const char* from, std::ptrdiff_t stride, std::ptrdiff_t rows, T* to,
                 std::ptrdiff_t width) {
    for (std::ptrdiff_t i = 0; i < rows; ++i) {
        std::memcpy(to + i * width, from + i * stride, sizeof(T));
    }
}

}  // namespace

StridedGradient::StridedGradient(const NdArray& gradient, bool fortran, DType dtype)
    : data_(gradient.data()), dtype_(dtype) {
    // The axes from the innermost outwards, as they lie in the parameter; neighbours that the
    // gradient too runs through in one stride are one axis.
    std::vector<Axis> axes;
    std::ptrdiff_t stride_p = 1;
    for (int i = 0; i < gradient.ndim(); ++i) {
        const int k = fortran ? i : gradient.ndim() - 1 - i;
        const Axis axis{gradient.shape(k), gradient.stride(k), stride_p};
        stride_p *= axis.length;
        if (axis.length == 1) continue;
        if (!axes.empty() && axes.back().stride_g * axes.back().length == axis.stride_g) {
            axes.back().length *= axis.length;
        } else {
            axes.push_back(axis);
        }
    }
    columns_ = axes.empty() ? Axis{1, 0, 1} : axes.front();
    if (!axes.empty()) axes.erase(axes.begin());
    const auto closest = std::min_element(axes.begin(), axes.end(), [](const Axis& a, const Axis& b) {
        return std::abs(a.stride_g) < std::abs(b.stride_g);
    });
    rows_ = closest == axes.end() ? Axis{1, 0, columns_.length} : *closest;
    if (closest != axes.end()) axes.erase(closest);
    outer_ = axes;

    tile_rows_ = std::min(rows_.length, rows_at_once);
    const auto tile_size = static_cast<std::ptrdiff_t>(tile_bytes / itemsize(dtype));
    tile_columns_ = std::min(columns_.length, tile_size / tile_rows_);
    blocks_of_columns_ = pieces(columns_.length, tile_columns_);
    blocks_of_rows_ = pieces(rows_.length, tile_rows_);
    blocks_ = blocks_of_columns_ * blocks_of_rows_;
    for (const Axis& axis : outer_) blocks_ *= axis.length;
}

template <class T>
const void* StridedGradient::gather(const char* g, std::ptrdiff_t rows, std::ptrdiff_t columns,
                                    T* tile) const noexcept {
    const bool in_line = rows == 1 && columns_.stride_g == sizeof(T);
    if (in_line && reinterpret_cast<std::uintptr_t>(g) % sizeof(T) == 0) return g;
    std::ptrdiff_t j = 0;
    const std::ptrdiff_t whole_rows = rows_.stride_g == sizeof(T) ? rows / 4 * 4 : 0;
    for (; j + 4 <= columns && whole_rows > 0; j += 4) {
        const char* const from = g + j * columns_.stride_g;
        for (std::ptrdiff_t i = 0; i < whole_rows; i += 4) {
            transpose4<T>(from + i * rows_.stride_g, columns_.stride_g, tile + i * columns + j, columns);
        }
        for (std::ptrdiff_t k = 0; k < 4 && whole_rows < rows; ++k) {
            copy_column<T>(from + k * columns_.stride_g + whole_rows * rows_.stride_g, rows_.stride_g,
                           rows - whole_rows, tile + whole_rows * columns + j + k, columns);
        }
    }
    for (; j < columns; ++j) {
        copy_column<T>(g + j * columns_.stride_g, rows_.stride_g, rows, tile + j, columns);
    }
    return tile;
}

void StridedGradient::run(Sweep sweep, const void* scalars, char* p, char* const* states,
                          int state_count, std::ptrdiff_t begin, std::ptrdiff_t end) const noexcept {
    alignas(64) char memory[tile_bytes];
    for (std::ptrdiff_t block = begin; block < end; ++block) {
        std::ptrdiff_t rest = block;
        const std::ptrdiff_t column = rest % blocks_of_columns_ * tile_columns_;
        rest /= blocks_of_columns_;
        const std::ptrdiff_t row = rest % blocks_of_rows_ * tile_rows_;
        rest /= blocks_of_rows_;
        const std::ptrdiff_t rows = std::min(tile_rows_, rows_.length - row);
        const std::ptrdiff_t columns = std::min(tile_columns_, columns_.length - column);
        const char* g = data_ + column * columns_.stride_g + row * rows_.stride_g;
        std::ptrdiff_t offset = column * columns_.stride_p + row * rows_.stride_p;
        for (const Axis& axis : outer_) {
            const std::ptrdiff_t i = rest % axis.length;
            rest /= axis.length;
            g += i * axis.stride_g;
            offset += i * axis.stride_p;
        }
        const void* gathered = dtype_ == DType::float32
                                   ? gather(g, rows, columns, reinterpret_cast<float*>(memory))
                                   : gather(g, rows, columns, reinterpret_cast<double*>(memory));
        // Whole rows that follow each other in the parameter are one stretch.
        const bool one_stretch = columns == rows_.stride_p || rows == 1;
        const std::ptrdiff_t stretch = one_stretch ? rows * columns : columns;
        for (std::ptrdiff_t done = 0; done < rows * columns; done += stretch) {
            const auto bytes = offset * std::ptrdiff_t(itemsize(dtype_));
            void* moved[max_states];
            for (int s = 0; s < state_count; ++s) moved[s] = states[s] + bytes;
            const auto* from = static_cast<const char*>(gathered) + done * std::ptrdiff_t(itemsize(dtype_));
            sweep(scalars, p + bytes, from, moved, stretch);
            offset += rows_.stride_p;
        }
    }
}

}  // namespace fastopt
