// SPDX-License-Identifier: MIT
// Any packet of a guest's agent, and any catalog made of such packets: records of a length and that many
// bytes.
#include <cstdint>
#include <cstdlib>

#include "backend/control_message.hpp"
#include "base/printable.hpp"

using namespace vmitap;
using namespace vmitap::backend;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  auto rest = std::as_bytes(std::span(data, size));
  GuestCatalog catalog;
  while (rest.size() >= 2) {
    const auto length = std::min<std::size_t>(
        rest.size() - 2, std::to_integer<std::size_t>(rest[0]) | std::to_integer<std::size_t>(rest[1]) << 8);
    auto message = parse_control_message(rest.subspan(2, length));
    rest = rest.subspan(2 + length);
    if (!message) {
      if (message.error().code != Errc::protocol) std::abort();
      continue;
    }
    if (auto* module = std::get_if<GuestModule>(&*message)) catalog.modules.push_back(std::move(*module));
    if (auto* site = std::get_if<GuestSite>(&*message)) {
      if (!is_printable(site->name)) std::abort();
      catalog.sites.push_back(std::move(*site));
    }
  }
  if (!check_catalog(catalog)) return 0;
  for (const GuestSite& site : catalog.sites) {
    if (site.name.empty()) std::abort();
  }
  return 0;
}
