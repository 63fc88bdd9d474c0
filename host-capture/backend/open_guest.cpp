// SPDX-License-Identifier: MIT
// The one factory, and the one place that knows which backends there are.
#include <array>
#include <string>
#include <utility>

#include "backend/backend.hpp"
#include "backend/local/find.hpp"
#include "backend/local/local_guest.hpp"
#include "backend/local/probe.hpp"
#include "backend/plugin.hpp"

namespace vmitap::backend {
namespace {

Result<std::unique_ptr<Guest>> open_local(std::string_view name) {
  if (name.empty()) return fail({.code = Errc::no_such_guest, .hint = "name it: local:PID or local:NAME"});
  auto found = local::find_guest(name);
  if (!found) return fail(std::move(found.error()));
  return local::LocalGuest::open(std::move(*found));
}

constexpr Backend kLocal{.name = "local",
                         .open = open_local,
                         .seen = local::seen_guests,
                         .check_host = local::check_host,
                         .check_guest = local::check_guest};

// Backends whose libraries a machine may lack.
constexpr std::array<const char*, 1> kLoaded{"xen"};

struct Named {
  const Backend* backend;
  std::string_view guest;
};

// "xen:web" is the guest "web" of the backend "xen"; without a backend's name it is local.
Result<Named> backend_of(std::string_view name) {
  const std::size_t colon = name.find(':');
  const std::string_view prefix = name.substr(0, colon);
  for (const char* loaded : kLoaded) {
    if (colon == std::string_view::npos || prefix != loaded) continue;
    auto backend = load_backend(loaded);
    if (!backend) return fail(std::move(backend.error()));
    return Named{*backend, name.substr(colon + 1)};
  }
  const bool named = colon != std::string_view::npos && prefix == kLocal.name;
  return Named{&kLocal, named ? name.substr(colon + 1) : name};
}

template <class T>
void append(std::vector<T>& all, std::vector<T> more) {
  std::ranges::move(more, std::back_inserter(all));
}

}  // namespace

Result<std::unique_ptr<Guest>> open_guest(std::string_view name) {
  const auto named = backend_of(name);
  if (!named) return fail(named.error());
  return named->backend->open(named->guest);
}

std::vector<Seen> seen_guests() {
  std::vector<Seen> seen = kLocal.seen();
  for (const char* name : kLoaded)
    if (const auto backend = load_backend(name)) append(seen, (*backend)->seen());
  return seen;
}

std::vector<Check> check_host() {
  std::vector<Check> checks = kLocal.check_host();
  for (const char* name : kLoaded)
    if (const auto backend = load_backend(name)) append(checks, (*backend)->check_host());
  return checks;
}

std::vector<Check> check_guest(std::string_view name) {
  const auto named = backend_of(name);
  if (named) return named->backend->check_guest(named->guest);
  return {{"the backend", Check::Verdict::fails, named.error().hint, "install the libraries that it names"}};
}

}  // namespace vmitap::backend
