// Does again what has been recorded.
#include "plan/tape.hpp"

#include <cmath>
#include <stdexcept>

#include "plan/power.hpp"
#include "pool/fpenv.hpp"

namespace fastopt {
namespace {

constexpr double exact = 9007199254740992.0;    // 2^53, up to which doubles hold every whole number

bool are_whole(double a, double b) noexcept { return std::fabs(a) <= exact && b >= 1.0 && b <= exact; }

// Of whole numbers, the second positive, as Python rounds: down.
std::int64_t floor_divided(double a, double b) noexcept {
    const auto x = std::int64_t(a), y = std::int64_t(b);
    return x / y - (x % y < 0);
}

bool is_exponent(double x) noexcept { return x >= 0.0 && x <= exact; }

}  // namespace

Tape::Tape(std::size_t given, const std::vector<std::pair<std::size_t, double>>& constants,
           std::vector<Step> steps)
    : values_(given + constants.size() + steps.size()), steps_(std::move(steps)) {
    if (values_.size() > 65536) throw std::invalid_argument("a tape has at most 65536 places");
    std::vector<bool> written(values_.size());
    const auto write = [&](std::size_t place) {
        if (place >= written.size() || written[place]) throw std::invalid_argument("a place is taken");
        written[place] = true;
    };
    for (std::size_t place = 0; place < given; ++place) write(place);
    for (const auto& [place, value] : constants) {
        write(place);
        values_[place] = value;
    }
    for (const Step& step : steps_) {
        if (step.a >= written.size() || step.b >= written.size() || !written[step.a] || !written[step.b]) {
            throw std::invalid_argument("an operation takes what has not been computed");
        }
        write(step.result);
    }
}

bool Tape::run() noexcept {
    double* const values = values_.data();
    for (const Step& step : steps_) {
        const double a = values[step.a], b = values[step.b];
        double& result = values[step.result];
        switch (step.operation) {
            case Operation::add: result = a + b; break;
            case Operation::subtract: result = a - b; break;
            case Operation::multiply: result = a * b; break;
            case Operation::divide:
                if (b == 0.0) return false;
                result = a / b;
                break;
            case Operation::floor_divide:
                if (!are_whole(a, b)) return false;
                result = double(floor_divided(a, b));
                break;
            case Operation::modulo:
                if (!are_whole(a, b)) return false;
                result = a - double(floor_divided(a, b)) * b;
                break;
            case Operation::negate: result = -a; break;
            case Operation::absolute: result = std::fabs(a); break;
            case Operation::raise:
                result = std::pow(a, b);
                if (!std::isfinite(result)) return false;
                break;
            case Operation::square_root:
                if (!(a >= 0.0)) return false;
                result = std::sqrt(a);
                break;
            case Operation::cosine:
                if (!std::isfinite(a)) return false;
                result = std::cos(a);
                break;
            case Operation::exponential:
                if (!(a < 709.0)) return false;
                result = exp(a);
                break;
            case Operation::power:
                if (!is_exponent(b)) return false;
                result = power(a, std::uint64_t(b));
                break;
            case Operation::real_power:
                if (!(a >= 0.0 && a < exact && is_exponent(b))) return false;
                result = real_power(a, b);
                break;
            case Operation::less:
                if ((a < b) != step.answer) return false;
                break;
            case Operation::less_equal:
                if ((a <= b) != step.answer) return false;
                break;
            case Operation::equal:
                if ((a == b) != step.answer) return false;
                break;
            case Operation::whole:
                if (!(std::fabs(a) <= exact)) return false;
                result = a + 0.0;    // Python's whole numbers have no -0
                break;
        }
    }
    return true;
}

}  // namespace fastopt
