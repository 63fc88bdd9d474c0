// SPDX-License-Identifier: MIT
// The one factory, and the one place that knows which backends there are.
#include <string>
#include <utility>

#include "backend/checks.hpp"
#include "backend/guest.hpp"
#include "backend/local/find.hpp"
#include "backend/local/local_guest.hpp"
#include "backend/local/probe.hpp"

namespace vmitap::backend {
namespace {

constexpr std::string_view kLocal = "local:";
constexpr std::string_view kXen = "xen:";

// The guest's name within the local backend.
Result<std::string_view> local_name(std::string_view name) {
  if (name.starts_with(kXen)) {
    return fail({.code = Errc::unsupported,
                 .subject = "capturing a Xen domain (" + std::string(name) + ")",
                 .hint = "this vmitap reaches processes of this machine: local:PID or local:NAME"});
  }
  if (name.starts_with(kLocal)) name.remove_prefix(kLocal.size());
  if (name.empty()) return fail({.code = Errc::no_such_guest, .hint = "name it: local:PID or local:NAME"});
  return name;
}

}  // namespace

Result<std::unique_ptr<Guest>> open_guest(std::string_view name) {
  const auto local = local_name(name);
  if (!local) return fail(local.error());
  auto found = local::find_guest(*local);
  if (!found) return fail(std::move(found.error()));
  return local::LocalGuest::open(std::move(*found));
}

std::vector<Seen> seen_guests() { return local::seen_guests(); }

std::vector<Check> check_host() { return local::check_host(); }

std::vector<Check> check_guest(std::string_view name) {
  return local::check_guest(name.starts_with(kLocal) ? name.substr(kLocal.size()) : name);
}

}  // namespace vmitap::backend
