// Streams of a parameter that are stored otherwise than they are computed in: how, what stands beside them, and what
// they are rounded by.
#pragma once
#include <array>

#include "kernels/kernel.hpp"

namespace fastopt {

class Stored {
public:
    // Of the parameter and of each state: how it is stored, and what stands beside its elements.
    struct Stream {
        Storage how = Storage::plain;
        char* rest = nullptr;

        // The bytes of n elements, and of what stands beside them.
        std::size_t bytes(std::ptrdiff_t n, std::size_t item) const {
            return std::size_t(n) * (how == Storage::plain ? item : sizes().bytes);
        }
        std::size_t beside(std::ptrdiff_t n) const {
            return std::size_t((n + sizes().shared - 1) / sizes().shared) * sizes().beside;
        }
        const StorageSizes& sizes() const { return storage_sizes[int(how)]; }
    };

    std::array<Stream, max_states + 1> streams{};
    DType dtype = DType::float32;    // of the parameter's array, which its gradients can have, too
    std::uint64_t seed = 0;
    bool noisy = false;    // whether what loses bits is rounded by noise

    bool has(std::size_t stream) const { return streams[stream].how != Storage::plain; }

    // Reads n elements of a stream, which lies at `data`, from `begin` on.
    void read(std::size_t stream, const Common& common, const char* data, std::ptrdiff_t begin, std::ptrdiff_t n,
              char* to, bool ahead) const noexcept;

    // Writes tiles of one stretch of elements, which begins where nothing is shared with those before.
    class Writer {
    public:
        Writer(const Stored& stored, const Common& common, std::uint64_t step, std::ptrdiff_t begin,
               std::ptrdiff_t n);
        void write(std::size_t stream, char* data, const void* from) noexcept;

        static constexpr std::ptrdiff_t most = 1024;    // elements

    private:
        std::uint32_t key(std::uint32_t number) const noexcept;

        const Stored& stored_;
        const Common& common_;
        std::uint64_t step_;
        std::ptrdiff_t begin_, n_;
        std::uint32_t made_ = ~0u;    // the number of the noise that is there
        alignas(64) std::uint32_t noise_[most];
    };
};

}  // namespace fastopt
