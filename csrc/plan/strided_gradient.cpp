// Gradients of any layout: the walk over their blocks.
#include "plan/strided_gradient.hpp"

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <cstring>

#include "plan/partition.hpp"

namespace fastopt {
namespace {

// Rows of up to 1,024 float32 fit whole, and several whole rows are one long stretch to the sweep,
// which matters more than that the tile overflows L1.
constexpr std::ptrdiff_t tile_bytes = 64 * 1024;
constexpr std::ptrdiff_t line_bytes = 64, bytes_ahead = 2048;

// Not on the stack: that of a thread can be small. Allocated when a thread first needs it.
alignas(64) thread_local char tile[tile_bytes];

// How many rows to take first, so that the others begin on a cache line and each line is read once.
std::ptrdiff_t rows_to_line(const char* data, std::ptrdiff_t stride, std::ptrdiff_t itemsize,
                            std::ptrdiff_t most) {
    const auto past = static_cast<std::ptrdiff_t>(reinterpret_cast<std::uintptr_t>(data) % line_bytes);
    if (stride != itemsize || past == 0) return most;
    return std::min(most, (line_bytes - past + itemsize - 1) / itemsize);
}

}  // namespace

StridedGradient::StridedGradient(const ArrayView& gradient, bool fortran, DType parameter)
    : data_(gradient.data),
      dtype_(gradient.dtype),
      itemsize_(std::ptrdiff_t(itemsize(gradient.dtype))),
      itemsize_of_tile_(std::ptrdiff_t(itemsize(parameter))) {
    // The axes from the innermost outwards, as they lie in the parameter; neighbours that the
    // gradient too runs through in one stride are one axis.
    std::vector<Axis> axes;
    std::ptrdiff_t stride_p = 1;
    for (int i = 0; i < gradient.ndim(); ++i) {
        const auto k = std::size_t(fortran ? i : gradient.ndim() - 1 - i);
        const Axis axis{gradient.shape[k], gradient.strides[k], stride_p};
        stride_p *= axis.length;
        if (axis.length == 1) continue;
        if (!axes.empty() && axes.back().stride_g * axes.back().length == axis.stride_g) {
            axes.back().length *= axis.length;
        } else {
            axes.push_back(axis);
        }
    }
    std::vector<Axis> nested = axes;
    std::sort(nested.begin(), nested.end(), [](const Axis& a, const Axis& b) {
        return std::abs(a.stride_g) < std::abs(b.stride_g);
    });
    std::ptrdiff_t reach = itemsize_;    // bytes from the first to the last of the axes so far
    for (const Axis& axis : nested) {
        overlaps_itself_ |= std::abs(axis.stride_g) < reach;
        reach += std::abs(axis.stride_g) * (axis.length - 1);
    }
    columns_ = axes.empty() ? Axis{1, 0, 1} : axes.front();
    if (!axes.empty()) axes.erase(axes.begin());
    const auto closest = std::min_element(axes.begin(), axes.end(), [](const Axis& a, const Axis& b) {
        return std::abs(a.stride_g) < std::abs(b.stride_g);
    });
    rows_ = closest == axes.end() ? Axis{1, 0, columns_.length} : *closest;
    if (closest != axes.end()) axes.erase(closest);
    outer_ = axes;

    tile_rows_ = std::min(rows_.length, line_bytes / itemsize_of_tile_);
    // Columns in equal parts, of whole lines: short stretches cost more than long ones.
    const std::ptrdiff_t widest = std::min(columns_.length, tile_bytes / itemsize_of_tile_ / tile_rows_);
    const std::ptrdiff_t equal = pieces(columns_.length, pieces(columns_.length, widest));
    tile_columns_ = std::min(widest, pieces(equal, 16) * 16);
    blocks_of_columns_ = pieces(columns_.length, tile_columns_);
    first_rows_ = std::min(rows_.length, rows_to_line(data_, rows_.stride_g, itemsize_, tile_rows_));
    blocks_of_rows_ = 1 + pieces(rows_.length - first_rows_, tile_rows_);
    blocks_ = blocks_of_columns_ * blocks_of_rows_;
    for (const Axis& axis : outer_) blocks_ *= axis.length;
}

void StridedGradient::run(const Update& update, bool zero, std::ptrdiff_t begin,
                          std::ptrdiff_t end) const noexcept {
    char* const tile_here = tile;
    const Kernel& kernel = update.kernel();
    const Gather gather = kernel.common->gather[int(dtype_)];
    const bool same = dtype_ == kernel.dtype;
    for (std::ptrdiff_t block = begin; block < end; ++block) {
        std::ptrdiff_t rest = block;
        const std::ptrdiff_t column = rest % blocks_of_columns_ * tile_columns_;
        rest /= blocks_of_columns_;
        const std::ptrdiff_t down = rest % blocks_of_rows_;
        rest /= blocks_of_rows_;
        const std::ptrdiff_t row = down == 0 ? 0 : first_rows_ + (down - 1) * tile_rows_;
        const std::ptrdiff_t rows =
            down == 0 ? first_rows_ : std::min(tile_rows_, rows_.length - row);
        const std::ptrdiff_t columns = std::min(tile_columns_, columns_.length - column);
        char* g = data_ + column * columns_.stride_g + row * rows_.stride_g;
        std::ptrdiff_t offset = column * columns_.stride_p + row * rows_.stride_p;
        for (const Axis& axis : outer_) {
            const std::ptrdiff_t i = rest % axis.length;
            rest /= axis.length;
            g += i * axis.stride_g;
            offset += i * axis.stride_p;
        }
        // A row without gaps is read where it is.
        const bool in_place = same && rows == 1 && columns_.stride_g == itemsize_ &&
                              reinterpret_cast<std::uintptr_t>(g) % std::size_t(itemsize_) == 0;
        if (!in_place) gather(g, rows_.stride_g, columns_.stride_g, rows, columns, tile_here);
        char* const gathered = in_place ? g : tile_here;
        // Whole rows that follow each other in the parameter are one stretch.
        const bool one_stretch = columns == rows_.stride_p || rows == 1;
        const std::ptrdiff_t stretch = one_stretch ? rows * columns : columns;
        for (std::ptrdiff_t done = 0; done < rows * columns; done += stretch) {
            update(offset, stretch, gathered + done * itemsize_of_tile_, false);
            offset += rows_.stride_p;
        }
        for (std::ptrdiff_t i = 0; zero && i < rows; ++i) clear(g + i * rows_.stride_g, columns);
    }
}

char* StridedGradient::at(std::ptrdiff_t element) const {
    const auto along = [&](const Axis& axis) {
        return axis.length == 1 ? 0 : element / axis.stride_p % axis.length * axis.stride_g;
    };
    char* g = data_ + along(columns_) + along(rows_);
    for (const Axis& axis : outer_) g += along(axis);
    return g;
}

void StridedGradient::read(const Kernel& kernel, std::ptrdiff_t begin, std::ptrdiff_t end,
                           char* to) const noexcept {
    while (begin < end) {
        const std::ptrdiff_t count = std::min(columns_.length - begin % columns_.length, end - begin);
        kernel.common->gather[int(dtype_)](at(begin), 0, columns_.stride_g, 1, count, to);
        begin += count;
        to += count * itemsize_of_tile_;
    }
}

void StridedGradient::fetch_ahead(std::ptrdiff_t begin, std::ptrdiff_t end) const noexcept {
    const char* const behind = at(begin) + bytes_ahead;
    for (std::ptrdiff_t line = 0; line < (end - begin) * itemsize_; line += line_bytes) __builtin_prefetch(behind + line);
}

void StridedGradient::zero(std::ptrdiff_t begin, std::ptrdiff_t end) const noexcept {
    while (begin < end) {
        const std::ptrdiff_t count = std::min(columns_.length - begin % columns_.length, end - begin);
        clear(at(begin), count);
        begin += count;
    }
}

void StridedGradient::clear(char* g, std::ptrdiff_t columns) const noexcept {
    const auto item = std::size_t(itemsize_);
    if (columns_.stride_g == itemsize_) {
        std::memset(g, 0, std::size_t(columns) * item);
    } else {
        for (std::ptrdiff_t j = 0; j < columns; ++j) std::memset(g + j * columns_.stride_g, 0, item);
    }
}

}  // namespace fastopt
