// SPDX-License-Identifier: MIT
#include "backend/xen/vif_find.hpp"

#include <fmt/format.h>
#include <net/if.h>

#include <algorithm>
#include <charconv>

#include "backend/xen/find.hpp"
#include "base/printable.hpp"

namespace vmitap::backend::xen {
namespace {

constexpr std::string_view kPrefix = "vif";
constexpr std::uint32_t kConnected = 4;  // XenbusStateConnected

std::optional<std::uint32_t> number_in(std::string_view text) {
  std::uint32_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (text.empty() || error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return number;
}

bool is_device(const std::string& name) {
  return !name.empty() && name.size() < IF_NAMESIZE && name.find('/') == std::string::npos &&
         is_printable(name);
}

// The toolstack may give it a name of its own (vifname=), which its script has not done yet or not at all.
std::string device_of(const Store& store, DomId domain, std::uint32_t number) {
  const std::string usual = fmt::format("vif{}.{}", domain.value, number);
  const std::string given = store.read(vif_path(domain, number) + "/vifname").value_or("");
  if (!is_device(given)) return usual;
  return ::if_nametoindex(given.c_str()) == 0 && ::if_nametoindex(usual.c_str()) != 0 ? usual : given;
}

}  // namespace

std::optional<std::uint32_t> vif_number(std::string_view guest) {
  const std::size_t slash = guest.find('/');
  if (slash == std::string_view::npos) return std::nullopt;
  guest.remove_prefix(slash + 1);
  if (!guest.starts_with(kPrefix)) return std::nullopt;
  return number_in(guest.substr(kPrefix.size()));
}

std::string vif_path(DomId domain, std::uint32_t number) {
  return fmt::format("{}/backend/vif/{}/{}", home_of(DomId{0}), domain.value, number);
}

std::vector<Vif> vifs_of(const Store& store, DomId domain) {
  std::vector<Vif> vifs;
  for (const std::string& entry :
       store.list(fmt::format("{}/backend/vif/{}", home_of(DomId{0}), domain.value))) {
    const auto number = number_in(entry);
    if (!number) continue;
    const std::string path = vif_path(domain, *number);
    vifs.push_back({.number = *number,
                    .device = device_of(store, domain, *number),
                    .is_connected = store.read_number(path + "/state") == kConnected,
                    .hotplug_status = printable(store.read(path + "/hotplug-status").value_or(""))});
  }
  std::ranges::sort(vifs, {}, &Vif::number);
  return vifs;
}

GuestIdentity identity_of(const Store& store, const DomainInfo& domain, const Vif& vif) {
  const std::string name = fmt::format("{}/{}{}", name_of(store, domain.id), kPrefix, vif.number);
  return {.backend = "xen",
          .name = name,
          .id = domain.id.value,
          .address = "xen:" + name,
          .program =
              fmt::format("{} in dom0, interface {} of domain {}", vif.device, vif.number, domain.id.value)};
}

Result<FoundVif> find_vif(const Store& store, const DomainControl& control, std::string_view name) {
  auto domain = find_domain(store, control, name.substr(0, name.find('/')));
  if (!domain) return fail(std::move(domain.error()));
  const auto wanted = vif_number(name);
  std::string known;
  for (const Vif& vif : vifs_of(store, domain->id)) {
    GuestIdentity identity = identity_of(store, *domain, vif);
    if (vif.number == wanted) return FoundVif{*domain, vif, std::move(identity)};
    known += fmt::format("{}{} ({})", known.empty() ? "" : ", ", identity.address, vif.device);
  }
  return fail({.code = Errc::no_such_guest,
               .subject = fmt::format("xen:{}", printable(name)),
               .hint = known.empty() ? "the domain has no network interface with its backend in this dom0"
                                     : "the domain has " + known});
}

}  // namespace vmitap::backend::xen
