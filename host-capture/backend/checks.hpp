// SPDX-License-Identifier: MIT
// What the backends need of this machine and of a guest, tried out: for `vmitap doctor`.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace vmitap::backend {

struct Check {
  enum class Verdict : unsigned char { works, limited, fails };
  std::string what;      // "pausing (ptrace)"
  Verdict verdict;       // limited: works, but slower or not for all guests
  std::string finding;   // what was seen, printable
  std::string remedy;    // empty if it works
  std::string but = {};  // what does not come to pass although all works: for the last line
};

std::vector<Check> check_host();
// The guest is named as for open_guest(). It is neither attached nor paused.
std::vector<Check> check_guest(std::string_view name);

}  // namespace vmitap::backend
