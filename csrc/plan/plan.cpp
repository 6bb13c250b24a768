// Makes plans: takes the arrays, and cuts them into chunks.
#include "plan/plan.hpp"

#include <algorithm>
#include <stdexcept>
#include <string>
#include <utility>

#include "plan/partition.hpp"

namespace fastopt {
namespace {

// Of an element, in all streams: parameter, gradient, states.
std::size_t bytes_each(const Streams& streams) {
    const Kernel& kernel = *streams.kernel;
    if (!streams.stored) return streams.item() * std::size_t(kernel.states + 2);
    std::size_t bytes = itemsize(streams.stored->dtype);
    for (std::size_t k = 0; k <= std::size_t(kernel.states); ++k) {
        const Stored::Stream& each = streams.stored->streams[k];
        bytes += each.bytes(1, streams.item()) + each.sizes().beside / std::size_t(each.sizes().shared);
    }
    return bytes;
}

}  // namespace

void Plan::reserve(std::size_t parameters, std::size_t axes) {
    arrays_.reserve(parameters);
    lengths_.reserve(axes);    // shapes point into it
}

void Plan::add(std::span<const ArrayView> arrays, const Kernel& kernel, int row, std::size_t spread,
               const Stored* stored) {
    const ArrayView& parameter = arrays.front();
    Array array{.shape = keep_lengths(parameter.shape),
                .size = parameter.size(),
                .fortran = !parameter.c_contiguous,
                .assigned = row,
                .streams = {.kernel = &kernel, .p = parameter.data, .states = {}, .stored = stored}};
    if (kernel.look) throw std::invalid_argument(std::string(kernel.rule) + " is a direction, which updates nothing");
    if (arrays.size() + spread != std::size_t(kernel.states) + 1) {
        throw std::invalid_argument(std::string("the rule ") + kernel.rule +
                                    " has another number of states");
    }
    for (std::size_t s = 0; s < arrays.size(); ++s) {
        const ArrayView& written = arrays[s];
        const bool plain = !array.streams.is_stored(s);
        if ((plain && written.dtype != kernel.dtype) || !std::ranges::equal(written.shape, array.shape) ||
            !(array.fortran ? written.f_contiguous : written.c_contiguous)) {
            throw std::invalid_argument("a state has another dtype or layout");
        }
        const Stored::Stream how = stored ? stored->streams[s] : Stored::Stream{};
        if (!plain && !kernel.common->codecs[int(how.how)].decode) {
            throw std::invalid_argument("only what is computed in float32 is stored otherwise");
        }
        will_write(written.data, how.bytes(array.size, array.streams.item()));
        will_write(how.rest, how.beside(array.size));
        if (s > 0) array.streams.states[s - 1] = written.data;
    }
    arrays_.push_back(std::move(array));
}

Shape Plan::keep_lengths(Shape shape) {
    const auto first = lengths_.insert(lengths_.end(), shape.begin(), shape.end());
    return {first, lengths_.end()};
}

void Plan::will_write(const char* data, std::size_t bytes) {
    if (bytes) written_.emplace_back(data, data + bytes);
}

// Chunk edges depend on the sizes alone. Small arrays that follow each other share a chunk.
void Plan::cut() {
    std::sort(written_.begin(), written_.end());
    Extent extent;
    for (const Array& array : arrays_) extent.add(array.size, bytes_each(array.streams));
    spans_.reserve(extent.spans());
    std::size_t total = 0, held = 0;
    chunks_ = {0};
    bytes_ = {0};
    for (Array& array : arrays_) {
        const std::size_t each = bytes_each(array.streams);
        for (std::ptrdiff_t begin = 0, end = 0; begin < array.size; begin = end) {
            end = end_of_piece(begin, longest_span(each), array.size);
            const std::size_t bytes = std::size_t(end - begin) * each;
            if (held > 0 && held + bytes > chunk_bytes) {
                chunks_.push_back(std::uint32_t(spans_.size()));
                bytes_.push_back(total);
                held = 0;
            }
            spans_.push_back({&array, begin, end});
            held += bytes;
            total += bytes;
        }
    }
    if (held > 0) {
        chunks_.push_back(std::uint32_t(spans_.size()));
        bytes_.push_back(total);
    }
}

void Plan::assign(const std::vector<int>& rows) {
    for (std::size_t i = 0; i < arrays_.size(); ++i) arrays_[i].assigned = rows.at(i);
}

void Plan::attach(const std::vector<char*>& data, char* Streams::* place) {
    for (std::size_t i = 0; i < arrays_.size(); ++i) {
        Array& array = arrays_[i];
        Streams& streams = array.streams;
        streams.*place = data[i];
        const std::size_t item = place == &Streams::copy ? itemsize(streams.copied) : streams.item();
        will_write(data[i], std::size_t(array.size) * item);
        array.apart = {};
    }
    std::sort(written_.begin(), written_.end());
}

void Plan::attach_portions(const std::vector<Portion>& portions) {
    std::vector<Portion> before = std::move(portions_);
    portions_ = portions;
    for (std::size_t i = 0; i < before.size(); ++i) portions_.at(i).spread = before[i].spread;
    for (std::size_t i = 0; i < arrays_.size(); ++i) {
        Array& array = arrays_[i];
        const auto [scale, mask, spread] = portions_.at(i);
        array.apart = {};
        array.streams.portion = scale.data || mask.data || spread ? &portions_[i] : nullptr;
        if (scale.data) will_write(scale.data, std::size_t(scale.period) * array.streams.item());
        if (mask.data) will_write(mask.data, std::size_t(mask.period));
    }
    std::sort(written_.begin(), written_.end());
    // They may lie in each other, and `overlaps` needs ends that rise.
    std::size_t kept = 0;
    for (const auto& range : written_) {
        if (kept == 0 || range.second > written_[kept - 1].second) written_[kept++] = range;
    }
    written_.resize(kept);
}

void Plan::attach_spreads(std::vector<Spread> spreads) {
    spreads_ = std::move(spreads);
    portions_.resize(arrays_.size());
    for (std::size_t i = 0; i < arrays_.size(); ++i) {
        Spread& spread = spreads_.at(i);
        Streams& streams = arrays_[i].streams;
        const std::size_t count = spread.data.size();
        if (spread.lengths.size() > Spread::most_axes || count > std::size_t(streams.kernel->states)) {
            throw std::invalid_argument("too much broadcasts to a parameter");
        }
        if (count > 0) {
            portions_[i].spread = &spread;
            streams.portion = &portions_[i];
        }
    }
}

void Plan::attach_reductions(std::vector<std::vector<Reduction>> reductions) {
    reductions_ = std::move(reductions);
}

void Plan::attach_slow(const std::vector<char*>& data) { attach(data, &Streams::slow); }

void Plan::attach_averages(const std::vector<char*>& data) { attach(data, &Streams::average); }

void Plan::attach_copies(const std::vector<char*>& data, const std::vector<DType>& dtypes) {
    for (std::size_t i = 0; i < arrays_.size(); ++i) {
        if (!arrays_[i].kernel().common->narrow[int(dtypes.at(i))]) {
            throw std::invalid_argument("a copy has 16 bits");
        }
        arrays_[i].streams.copied = dtypes[i];
    }
    attach(data, &Streams::copy);
}

}  // namespace fastopt
