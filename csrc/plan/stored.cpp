// Reads and writes stretches of streams that are stored otherwise than they are computed in.
#include "plan/stored.hpp"

#include <algorithm>

namespace fastopt {
namespace {

// As kernels/storage.hpp mixes the number of an element.
std::uint32_t mixed(std::uint32_t x) {
    x ^= x >> 16;
    x *= 0x7feb352d;
    x ^= x >> 15;
    x *= 0x846ca68b;
    return x ^ x >> 16;
}

std::uint32_t low(std::uint64_t x) { return std::uint32_t(x); }
std::uint32_t high(std::uint64_t x) { return std::uint32_t(x >> 32); }

// As many as whole blocks have.
std::ptrdiff_t rounded_up(std::ptrdiff_t n) {
    constexpr std::ptrdiff_t block = storage_sizes[int(Storage::signed8)].shared;
    return (n + block - 1) / block * block;
}

// Two states share a noise of 32 bits, half each; the parameter has one of its own.
constexpr std::uint32_t of_parameter = max_states / 2;

}  // namespace

void Stored::read(std::size_t stream, const Common& common, const char* data, std::ptrdiff_t begin, std::ptrdiff_t n,
                  char* to, bool ahead) const noexcept {
    const Stream& each = streams[stream];
    const Decode decode = common.codecs[int(each.how)].decode;
    // First those that are left of what shares something.
    const std::ptrdiff_t shared = each.sizes().shared, left = (shared - begin % shared) % shared;
    for (std::ptrdiff_t done = 0, count = std::min(left ? left : n, n); done < n; done += count, count = n - done) {
        const char* const rest = each.rest + std::size_t((begin + done) / shared) * each.sizes().beside;
        decode(data + each.bytes(begin + done, 0), rest, to + std::size_t(done) * sizeof(float), count, ahead);
    }
}

Stored::Writer::Writer(const Stored& stored, const Common& common, std::uint64_t step, std::ptrdiff_t begin,
                       std::ptrdiff_t n)
    : stored_(stored), common_(common), step_(step), begin_(begin), n_(n) {}

std::uint32_t Stored::Writer::key(std::uint32_t number) const noexcept {
    std::uint32_t found = mixed(low(stored_.seed) ^ number);
    for (const std::uint64_t each : {stored_.seed >> 32, step_, step_ >> 32, std::uint64_t(high(std::uint64_t(begin_)))}) {
        found = mixed(found ^ low(each));
    }
    return found;
}

void Stored::Writer::write(std::size_t stream, char* data, const void* from) noexcept {
    const Stream& each = stored_.streams[stream];
    const bool noisy = stored_.noisy && each.how != Storage::split && each.how != Storage::master;
    const std::uint32_t number = stream == 0 ? of_parameter : std::uint32_t(stream - 1) / 2;
    if (noisy && number != made_) {
        common_.noise(noise_, low(std::uint64_t(begin_)), key(number), rounded_up(n_));
        made_ = number;
    }
    const int shift = stream != 0 && stream % 2 == 0 ? 16 : 0;
    common_.codecs[int(each.how)].encode(data + each.bytes(begin_, 0), each.rest + each.beside(begin_), from, n_,
                                         noisy ? noise_ : nullptr, shift);
}

}  // namespace fastopt
