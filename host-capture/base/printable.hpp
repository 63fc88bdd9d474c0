// SPDX-License-Identifier: MIT
// Text that a guest or a file chose, made safe to show to a person.
#pragma once

#include <string>
#include <string_view>

namespace vmitap {

// The text as valid UTF-8 without anything that a terminal obeys or that hides what is written:
// control characters (C0, DEL, C1), bidirectional overrides (Unicode TR 36), line separators, noncharacters
// (which XML does not take) and bytes that are no UTF-8 become \xNN or \u{NNNN}. A backslash stays as it is.
std::string printable(std::string_view text);

// True if printable() would change nothing.
bool is_printable(std::string_view text);

}  // namespace vmitap
