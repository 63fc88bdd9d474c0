// SPDX-License-Identifier: MIT
// What one backend offers: a row of open_guest.cpp's table.
#pragma once

#include <memory>
#include <string_view>
#include <vector>

#include "backend/checks.hpp"
#include "backend/guest.hpp"

namespace vmitap::backend {

struct Backend {
  const char* name;  // "local": guests are named NAME:...
  // Named without the backend's name.
  Result<std::unique_ptr<Guest>> (*open)(std::string_view guest);
  std::vector<Seen> (*seen)();
  std::vector<Check> (*check_host)();
  std::vector<Check> (*check_guest)(std::string_view guest);
};

// What a backend that is loaded at run time exports under this name: `const Backend* vmitap_backend()`. It is
// built together with the program that loads it.
inline constexpr const char* kPluginSymbol = "vmitap_backend";

}  // namespace vmitap::backend
