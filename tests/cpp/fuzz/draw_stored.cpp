// Draws how the streams of a parameter are stored.
#include <cstring>

#include "fuzz/draw.hpp"

namespace driver::fuzz {
namespace {

constexpr Storage of_parameters[] = {Storage::plain, Storage::bfloat16, Storage::split, Storage::master};
constexpr Storage of_states[] = {Storage::plain, Storage::bfloat16, Storage::signed8, Storage::unsigned8};

DType dtype_of_array(Storage how) {
    if (how == Storage::plain) return DType::float32;
    return how == Storage::master ? DType::float16 : DType::bfloat16;
}

}  // namespace

void draw_storages(Random& random, Subject& subject) {
    subject.is_stored = true;
    subject.stored.noisy = !random.one_in(3);
    subject.stored.seed = random.bits();
    const bool codes = random.one_in(2);    // of all states that are not plain
    for (std::size_t k = 0; k <= subject.states.size(); ++k) {
        Storage how = k == 0 ? random.of(of_parameters) : random.of(of_states);
        if (k > 0 && codes && how == Storage::bfloat16) how = Storage::signed8;
        fastopt::Stored::Stream& stream = subject.stored.streams[k];
        stream.how = how;
        if (k == 0) subject.stored.dtype = dtype_of_array(how);
        subject.beside.emplace_back();
        if (how == Storage::plain) continue;
        Memory& memory = k == 0 ? subject.p : subject.states[k - 1];
        std::vector<float> values(memory.bytes() / sizeof(float));
        if (!values.empty()) std::memcpy(values.data(), memory.data(), memory.bytes());
        const Bits bits = encoded(how, values, {});
        memory = {random, bits.elements.size(), stream.sizes().bytes};
        if (!values.empty()) std::memcpy(memory.data(), bits.elements.data(), bits.elements.size());
        if (!stream.sizes().beside) continue;
        Memory& beside = subject.beside.back();
        beside = {random, bits.beside.size(), how == Storage::split ? 2u : 4u};
        if (!values.empty()) std::memcpy(beside.data(), bits.beside.data(), bits.beside.size());
        stream.rest = beside.data();
    }
    // As somebody else writes it between two steps: zeros, and anything.
    for (std::ptrdiff_t i = 0; subject.stored.has(0) && i < subject.size(); ++i) {
        if (random.one_in(9)) {
            const double some = random.one_in(2) ? 0.0 : random.between(-1.0, 1.0);
            put(subject.stored.dtype, subject.p.data() + 2 * i, some);
        }
    }
}

}  // namespace driver::fuzz
