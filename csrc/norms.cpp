// The norms of a plan's gradients: sums over blocks, in parallel, then over the blocks of each array.
#include <algorithm>
#include <cmath>

#include "plan.hpp"
#include "shares.hpp"

namespace fastopt {
namespace {

constexpr std::ptrdiff_t longest_piece = 32 * reduce_block;

std::ptrdiff_t blocks(std::ptrdiff_t elements) { return (elements + reduce_block - 1) / reduce_block; }

}  // namespace

std::vector<double> Plan::norms(int threads) {
    std::ptrdiff_t count = 0;
    for (const Array& array : arrays_) count += blocks(array.size);
    std::vector<double> sums(std::size_t(count), 0.0);
    std::vector<Piece> pieces;
    std::vector<std::size_t> bytes{0};
    double* next = sums.data();
    for (const Array& array : arrays_) {
        for (std::ptrdiff_t begin = 0; array.g && begin < array.size; begin += longest_piece) {
            const std::ptrdiff_t end = std::min(begin + longest_piece, array.size);
            pieces.push_back({&array, begin, end, next});
            next += blocks(end - begin);
            bytes.push_back(bytes.back() + std::size_t(end - begin) * itemsize(array.kernel->dtype));
        }
    }
    if (!pieces.empty()) share_out(bytes, threads, &Plan::reduce_piece, pieces.data());
    std::vector<double> norms;
    norms.reserve(arrays_.size());
    const double* sum = sums.data();
    for (const Array& array : arrays_) {
        double total = 0.0;
        for (std::ptrdiff_t left = array.g ? blocks(array.size) : 0; left > 0; --left) total += *sum++;
        norms.push_back(std::sqrt(total));
    }
    return norms;
}

void Plan::reduce_piece(void* pieces, std::uint32_t piece) noexcept {
    const Piece& work = static_cast<const Piece*>(pieces)[piece];
    const Array& array = *work.array;
    const Kernel& kernel = *array.kernel;
    alignas(64) char copied[reduce_block * sizeof(double)];
    double* sum = work.sums;
    for (std::ptrdiff_t begin = work.begin; begin < work.end; begin += reduce_block) {
        const std::ptrdiff_t end = std::min(begin + reduce_block, work.end);
        const char* g = array.g + std::size_t(begin) * itemsize(kernel.dtype);
        if (array.strided) {
            array.strided->read(kernel, begin, end, copied);
            g = copied;
        }
        *sum++ = kernel.sum_of_squares(g, end - begin);
    }
}

}  // namespace fastopt
