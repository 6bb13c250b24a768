// Whether a parameter became what it should, bit for bit, and all around it stayed as it was.
#pragma once
#include "fuzz/expected.hpp"

namespace driver::fuzz {

// Ends the round that it is not so in; `where` says of which step and parameter.
// `flush`: subnormals were zero.
void compare(const Subject& subject, const Expected& expected, const char* where, bool flush);

}  // namespace driver::fuzz
