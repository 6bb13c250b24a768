// A step of one parameter, a stage after the other.
#include "fuzz/expected.hpp"

#include <cstring>

#include "fuzz/pieces.hpp"
#include "fuzz/stage_by_hand.hpp"
#include "fuzz/sums.hpp"
#include "pool/fpenv.hpp"

namespace driver::fuzz {
namespace {

// Calls work() where subnormals are zero, if that is asked for, and lets no arithmetic move out of there.
template <class Work> void flushed(bool asked, Work work) {
    void (*volatile call)(Work&) = [](Work& held) { held(); };
    const fastopt::SubnormalsFlushed environment(asked);
    call(work);
}

template <class T> std::vector<T> elements(const Memory& memory) {
    std::vector<T> found(memory.bytes() / sizeof(T));
    if (!found.empty()) std::memcpy(found.data(), memory.data(), memory.bytes());
    return found;
}

template <class T> std::vector<char> bytes(const std::vector<T>& elements) {
    std::vector<char> found(elements.size() * sizeof(T));
    if (!found.empty()) std::memcpy(found.data(), elements.data(), found.size());
    return found;
}

// As the parameter lies, in its dtype, each element rounded once. From 16 bits the way leads through float.
template <class T> std::vector<T> converted(const Gradient& gradient, bool fortran) {
    std::vector<T> found;
    for (const std::ptrdiff_t place : gradient.layout.places(fortran)) {
        const double x = value(gradient.dtype, gradient.at(place));
        const bool half = itemsize(gradient.dtype) == 2;
        found.push_back(half ? static_cast<T>(static_cast<float>(x)) : static_cast<T>(x));
    }
    return found;
}

// A stream as it is computed in.
template <class T> std::vector<T> values(const Subject& subject, std::size_t stream) {
    if constexpr (sizeof(T) == sizeof(float)) {
        const fastopt::Stored& all = subject.stored;
        if (all.has(stream)) return decoded(all.streams[stream].how, subject.bits(stream));
    }
    return elements<T>(subject.stream(stream));
}

// The same in memory, after a step.
template <class T>
Bits stored(const Subject& subject, std::size_t stream, const std::vector<T>& x, std::uint64_t step) {
    const fastopt::Stored& all = subject.stored;
    if constexpr (sizeof(T) == sizeof(float)) {
        if (all.has(stream)) {
            std::vector<unsigned> noise;
            if (all.noisy) noise = noise_of(all.seed, step, stream, x.size());
            return encoded(all.streams[stream].how, x, noise);
        }
    }
    return {bytes(x), {}};
}

// The block of memory of a gradient whose elements have become zero.
std::vector<char> zeroed(const Gradient& gradient) {
    std::vector<char> image = gradient.memory.image();
    const auto before = std::size_t(gradient.memory.data() - gradient.memory.block());
    for (const std::ptrdiff_t place : gradient.layout.places(false)) {
        std::memset(image.data() + before + place, 0, itemsize(gradient.dtype));
    }
    return image;
}

// keep * into + take * from, in the dtype.
template <class T> void mix(std::vector<T>& into, const std::vector<T>& from, double keep, double take) {
    const T kept = static_cast<T>(keep), taken = static_cast<T>(take);
    for (std::size_t i = 0; i < into.size(); ++i) into[i] = kept * into[i] + taken * from[i];
}

// Of the step from `old` to p, what each element takes: scaled, or all or nothing.
template <class T>
void take_portions(const Subject& subject, const std::vector<T>& old, std::vector<T>& p, bool scaled) {
    if (subject.scale.count) {
        const std::vector<T> scales = subject.scale.of_each<T>(p.size());
        for (std::size_t i = 0; i < p.size(); ++i) {
            if (scaled && scales[i] != 0 && scales[i] != 1) p[i] = old[i] + scales[i] * (p[i] - old[i]);
            if (scales[i] == 0) p[i] = old[i];
        }
    }
    if (subject.mask.count) {
        const std::vector<char> taken = subject.mask.of_each<char>(p.size());
        for (std::size_t i = 0; i < p.size(); ++i) {
            if (!taken[i]) p[i] = old[i];
        }
    }
}

template <class T>
Expected expect_of(Random& random, const Subject& subject, const Row& given, const Asked& asked,
                   const Kernel& kernel) {
    const Row row = given.scaled();
    Expected found;
    Pieces<T> now{.p = values<T>(subject, 0), .g = {}, .states = {}};
    for (std::size_t s = 1; s <= subject.states.size(); ++s) now.states.push_back(values<T>(subject, s));
    std::vector<T> slow = elements<T>(subject.slow), average = elements<T>(subject.average);
    const std::vector<T> old = now.p;
    std::vector<T> begin;
    found.copy = bytes(elements<char>(subject.copy));
    const StageByHand<T> stage(row);
    const bool present = subject.gradient.has_value();
    if (present) {
        found.squares = sum_of_squares(converted<T>(*subject.gradient, subject.fortran));
        found.gradient = asked.pass.zero ? zeroed(*subject.gradient) : subject.gradient->memory.image();
        flushed(asked.flush, [&] {
            now.g = converted<T>(*subject.gradient, subject.fortran);
            for (std::size_t i = 0; i < old.size(); ++i) stage.before(now.p[i], now.g[i]);
            begin = now.p;
        });
        now.update(random, kernel, row.bare(), asked.flush);
    }
    flushed(asked.flush, [&] {
        for (std::size_t i = 0; present && i < old.size(); ++i) {
            stage.between(now.p[i], begin[i], now.g[i]);
            stage.after(now.p[i], old[i]);
        }
        if (present && asked.portions) take_portions(subject, old, now.p, true);
        if (present && asked.pass.pull && asked.slow) {
            mix(slow, now.p, asked.pass.pull_keep, asked.pass.pull_take);
            now.p = slow;
            if (asked.portions) take_portions(subject, old, now.p, false);
        }
        if (asked.pass.average && asked.averages) mix(average, now.p, asked.pass.keep, asked.pass.take);
    });
    std::vector<Bits> streams;
    for (std::size_t k = 0; k <= subject.states.size(); ++k) {
        const std::vector<T>& x = k == 0 ? now.p : now.states[k - 1];
        streams.push_back(present ? stored(subject, k, x, asked.pass.step) : subject.bits(k));
    }
    // Of a float that took nothing of the step the bits are copied, subnormal or not.
    flushed(asked.flush && sizeof(T) == sizeof(double), [&] {
        for (std::size_t i = 0; present && asked.copies && i < old.size(); ++i) {
            put(subject.copied, found.copy.data() + 2 * i, static_cast<double>(now.p[i]));
        }
    });
    flushed(asked.flush, [&] {
        std::vector<T> rounded = now.p;
        if constexpr (sizeof(T) == sizeof(float)) {
            if (subject.stored.has(0)) rounded = decoded(subject.stored.streams[0].how, streams[0]);
        }
        found.sums = {present ? sum_of_squares(rounded, &old) : 0.0, sum_of_squares(rounded)};
    });
    found.arrays = {streams[0].elements, bytes(slow), bytes(average)};
    for (std::size_t k = 1; k < streams.size(); ++k) found.arrays.push_back(streams[k].elements);
    for (const Bits& each : streams) found.beside.push_back(each.beside);
    return found;
}

}  // namespace

Expected expect(Random& random, const Subject& subject, const Row& row, const Asked& asked,
                const fastopt::KernelTable& other_level) {
    const Kernel& kernel = other_level.kernels[subject.number];
    if (subject.dtype == DType::float32) return expect_of<float>(random, subject, row, asked, kernel);
    return expect_of<double>(random, subject, row, asked, kernel);
}

}  // namespace driver::fuzz
