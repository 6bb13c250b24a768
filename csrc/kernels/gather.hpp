// Reads a block of a strided gradient into a tile, transposing it in registers where its rows lie close
// together in memory: a transposed view, as hand-written backpropagation gives it.
#pragma once
#include <cstddef>
#include <cstdint>

#include "kernels/formats.hpp"
#include "kernels/indices.hpp"

namespace fastopt::FASTOPT_LEVEL {

#if defined(__AVX512F__)
constexpr int register_bytes = 64;
#else
constexpr int register_bytes = 16;
#endif

template <class T, int size> struct Block {
    typedef T Vector __attribute__((vector_size(size * sizeof(T))));

    // The first (half = 0) or second halves of a and b, element about element.
    template <int half, int... I> static Vector zip(Vector a, Vector b, Indices<I...>) {
        return __builtin_shufflevector(a, b, (half * size / 2 + I / 2 + I % 2 * size)...);
    }

    // Transposes a block: from[j * stride + i] goes to to[i * width + j]; stride in bytes, width in
    // elements. Zipping row i with row i + size / 2, log2(size) times over, transposes.
    static void transpose(const char* from, std::ptrdiff_t stride, T* to, std::ptrdiff_t width) {
        using All = typename MakeIndices<size>::type;
        Vector rows[size], zipped[size];
        for (int j = 0; j < size; ++j) __builtin_memcpy(&rows[j], from + j * stride, sizeof rows[j]);
        for (int done = 1; done < size; done *= 2) {
            for (int i = 0; i < size / 2; ++i) {
                zipped[2 * i] = zip<0>(rows[i], rows[i + size / 2], All{});
                zipped[2 * i + 1] = zip<1>(rows[i], rows[i + size / 2], All{});
            }
            for (int i = 0; i < size; ++i) rows[i] = zipped[i];
        }
        for (int i = 0; i < size; ++i) __builtin_memcpy(to + i * width, &rows[i], sizeof rows[i]);
    }
};

// tile[i * columns + j] = g[i * row_stride + j * column_stride], strides in bytes; g may be misaligned.
template <class T> struct Strided {
    const char* g;
    std::ptrdiff_t row_stride, column_stride;
    T* tile;
    std::ptrdiff_t columns;

    void copy(std::ptrdiff_t i, std::ptrdiff_t j) const {
        __builtin_memcpy(tile + i * columns + j, g + i * row_stride + j * column_stride, sizeof(T));
    }

    template <int size> void transpose(std::ptrdiff_t i, std::ptrdiff_t j) const {
        Block<T, size>::transpose(g + i * row_stride + j * column_stride, column_stride,
                                  tile + i * columns + j, columns);
    }

    // Transposes what is whole blocks of the rows from `row`, the last columns in small ones; gives back
    // the first row after them.
    template <int size> std::ptrdiff_t blocks(std::ptrdiff_t row, std::ptrdiff_t rows) const {
        constexpr int small = 16 / sizeof(T);
        for (; row + size <= rows; row += size) {
            std::ptrdiff_t j = 0;
            for (; j + size <= columns; j += size) transpose<size>(row, j);
            for (; j + small <= columns; j += small) {
                for (std::ptrdiff_t i = row; i < row + size; i += small) transpose<small>(i, j);
            }
            for (; j < columns; ++j) {
                for (std::ptrdiff_t i = row; i < row + size; ++i) copy(i, j);
            }
        }
        return row;
    }
};

template <class T> void gather_same(const Strided<T> strided, std::ptrdiff_t rows) {
    std::ptrdiff_t row = 0;
    if (strided.row_stride == sizeof(T)) {
        row = strided.template blocks<register_bytes / sizeof(T)>(row, rows);
        row = strided.template blocks<16 / sizeof(T)>(row, rows);
    }
    for (std::ptrdiff_t j = 0; j < strided.columns; ++j) {
        for (std::ptrdiff_t i = row; i < rows; ++i) strided.copy(i, j);
    }
}

template <class A, class B> constexpr bool same = false;
template <class A> constexpr bool same<A, A> = true;

// tile[i * columns + j] = g[i * row_stride + j * column_stride], strides in bytes; g may be misaligned.
// From another dtype each element is rounded once.
template <class T, class From>
void gather(const char* g, std::ptrdiff_t row_stride, std::ptrdiff_t column_stride,
            std::ptrdiff_t rows, std::ptrdiff_t columns, void* tile) noexcept {
    T* const to = static_cast<T*>(tile);
    if constexpr (same<T, From>) {
        return gather_same<T>({g, row_stride, column_stride, to, columns}, rows);
    }
    for (std::ptrdiff_t i = 0; i < rows; ++i) {
        const char* from = g + i * row_stride;
        const auto copy = [&](std::ptrdiff_t j, std::ptrdiff_t stride) {
            From x;
            __builtin_memcpy(&x, from + j * stride, sizeof x);
            to[i * columns + j] = static_cast<T>(widened(x));
        };
        constexpr bool single = same<T, float> && !same<From, double>;
        if (single && column_stride == sizeof(From) && reinterpret_cast<std::uintptr_t>(from) % sizeof(From) == 0) {
            if constexpr (single) widen_all(to + i * columns, reinterpret_cast<const From*>(from), columns);
        } else if (column_stride == sizeof(From)) {
            for (std::ptrdiff_t j = 0; j < columns; ++j) copy(j, sizeof(From));
        } else {
            for (std::ptrdiff_t j = 0; j < columns; ++j) copy(j, column_stride);
        }
    }
}

}  // namespace fastopt::FASTOPT_LEVEL
