// SPDX-License-Identifier: MIT
#include "backend/xen/catalog.hpp"

#include <algorithm>
#include <chrono>
#include <cstring>
#include <thread>
#include <vector>

#include "backend/control_request.hpp"
#include "vmitap/barrier.h"

namespace vmitap::backend::xen {
namespace {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

constexpr auto kCatalogPatience = 2s;

tl::unexpected<Error> broken(const char* rule) { return fail({.code = Errc::protocol, .subject = rule}); }

}  // namespace

Result<GuestCatalog> parse_catalog(std::span<const std::byte> bytes) {
  for (CatalogMessages messages; bytes.size() >= sizeof(vmitap_message);) {
    vmitap_message header;
    std::memcpy(&header, bytes.data(), sizeof header);
    if (header.size < sizeof header || header.size > bytes.size())
      return broken("a message in the catalog is longer than the catalog");
    auto message = parse_control_message(bytes.first(header.size));
    if (!message) return fail(std::move(message.error()));
    const auto last = messages.take(std::move(*message));
    if (!last) return fail(last.error());
    if (*last) return std::move(messages.catalog());
    bytes = bytes.subspan(std::min<std::size_t>(bytes.size(), (header.size + 7u) & ~7u));
  }
  return broken("the catalog has no end");
}

Result<GuestCatalog> read_catalog(Grants& grants, const Directory& directory) {
  auto pages = grants.map(directory.regions().catalog, Grants::Access::read);
  if (!pages) return fail(std::move(pages.error()));
  const auto deadline = Clock::now() + kCatalogPatience;
  while (Clock::now() < deadline) {
    const std::uint32_t before = directory.catalog_version();
    const std::uint64_t size = directory.catalog_size();
    if (before % 2 == 0 && size <= pages->bytes().size()) {
      std::vector<std::byte> copy(pages->bytes().begin(),
                                  pages->bytes().begin() + static_cast<std::ptrdiff_t>(size));
      vmitap_read_fence();  // with the guest's fences around what it writes (guest-trigger/kernel/catalog.c)
      if (directory.catalog_version() == before) return parse_catalog(copy);
    } else if (before % 2 == 0) {
      return broken("the catalog is larger than its pages");
    }
    std::this_thread::sleep_for(1ms);
  }
  return fail({.code = Errc::timeout, .subject = "the guest to finish writing its catalog"});
}

}  // namespace vmitap::backend::xen
