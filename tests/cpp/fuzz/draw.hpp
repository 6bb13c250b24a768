// What a plan is drawn of: parameters, gradients, and what a pass does besides.
#pragma once
#include <vector>

#include "fuzz/subject.hpp"
#include "plan/pass.hpp"

namespace driver::fuzz {

// Parameters of all sizes, updated by up to three rules of a level's table.
std::vector<Subject> draw_subjects(Random& random, const fastopt::KernelTable& table);

// A gradient, or none: of another layout and dtype than the last one had, or new values in its memory. One
// that is written does not repeat elements.
void draw_gradient(Random& random, Subject& subject, bool written);

// How much of the step each element takes, anew in the same memory.
void draw_portion(Random& random, Subject& subject);

// Lets some of the streams be stored in few bits, with the values that they have.
void draw_storages(Random& random, Subject& subject);

fastopt::Pass draw_pass(Random& random);

}  // namespace driver::fuzz
