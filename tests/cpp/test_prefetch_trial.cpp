// What a trial of plan/prefetch_trial.hpp ends with, on machines that are made up: so long does a step
// take with fetching ahead, so long without.
#include <chrono>
#include <cstdio>

#include "check.hpp"
#include "plan/prefetch_trial.hpp"

namespace {

using std::chrono::nanoseconds;
using fastopt::PrefetchTrial;

// Takes `steps` steps, of which the first gets memory; gives back how many fetched ahead.
template <class Took> int take(PrefetchTrial& trial, int from, int to, Took took) {
    int fetched = 0;
    for (int step = from; step < to; ++step) {
        const bool ahead = trial.fetches();
        fetched += ahead;
        trial.took(nanoseconds(step == 0 ? 10'000 : took(step, ahead)));
    }
    return fetched;
}

// Of ten steps, the first does not count, eight are the trial, and the tenth is as was chosen.
void test_the_faster_way_is_chosen() {
    PrefetchTrial helped, hurt;
    CHECK(take(helped, 0, 9, [](int, bool ahead) { return ahead ? 900 : 1000; }) == 4);
    CHECK(helped.fetches());
    CHECK(take(hurt, 0, 9, [](int, bool ahead) { return ahead ? 1400 : 1000; }) == 4);
    CHECK(!hurt.fetches());
}

// Where both are as fast, nothing is fetched that nobody has asked for.
void test_no_difference() {
    PrefetchTrial trial;
    take(trial, 0, 9, [](int, bool) { return 1000; });
    CHECK(!trial.fetches());
}

// Every second or third step is disturbed, or has less to do.
void test_other_things_happen() {
    for (int period : {2, 3, 4}) {
        for (int phase = 0; phase < period; ++phase) {
            for (bool helps : {false, true}) {
                const auto took = [=](int step, bool ahead) {
                    return (ahead == helps ? 900 : 1000) * (step % period == phase ? 5 : 1);
                };
                PrefetchTrial trial;
                take(trial, 0, 9, took);
                CHECK(trial.fetches() == helps);
            }
        }
    }
}

// Tried again, more and more seldom: what was right is found again when it changes, and of many steps few
// go the slower way.
void test_later_trials() {
    PrefetchTrial trial;
    constexpr int change = 100, end = 100'000;
    take(trial, 0, change, [](int, bool ahead) { return ahead ? 900 : 1000; });
    CHECK(trial.fetches());
    const int fetched = take(trial, change, end, [](int, bool ahead) { return ahead ? 1400 : 1000; });
    CHECK(!trial.fetches());
    CHECK(fetched > 100 && fetched < 600);
}

}  // namespace

int main() {
    test_the_faster_way_is_chosen();
    test_no_difference();
    test_other_things_happen();
    test_later_trials();
    std::puts("ok");
}
