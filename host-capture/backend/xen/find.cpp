// SPDX-License-Identifier: MIT
#include "backend/xen/find.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <set>

#include "backend/xen/capture_lock.hpp"
#include "backend/xen/vif_find.hpp"
#include "base/nearest.hpp"
#include "base/printable.hpp"

namespace vmitap::backend::xen {
namespace {

constexpr std::size_t kNamed = 8;  // domains, as an answer to a name that none has
constexpr const char* kNoModule = "vmitap.ko is not loaded in it";

GuestIdentity identity_of(const std::string& name, const DomainInfo& domain) {
  return {.backend = "xen",
          .name = name,
          .id = domain.id.value,
          .address = "xen:" + name,
          .program = fmt::format("domain {}, {}, {} {}", domain.id.value, domain.hvm ? "PVH or HVM" : "PV",
                                 domain.vcpus, domain.vcpus == 1 ? "vCPU" : "vCPUs")};
}

GuestIdentity identity_of(const Store& store, const DomainInfo& domain, const Advertisement& advertised) {
  GuestIdentity identity = identity_of(name_of(store, domain.id), domain);
  if (advertised.channel != VMITAP_XENSTORE_KERNEL) {
    identity.program = fmt::format("{} in {}", advertised.name, identity.program);
    identity.address += "/" + advertised.channel;
    identity.name += "/" + advertised.name;
  }
  identity.captured_by = static_cast<std::uint64_t>(captured_by(domain.id, advertised.channel));
  return identity;
}

std::optional<std::uint16_t> number_in(std::string_view text) {
  std::uint16_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return number;
}

// What can be had of a domain that has no module.
std::string without_module(const Store& store, const DomainInfo& domain) {
  std::string names;
  for (const Vif& vif : vifs_of(store, domain.id)) names += " " + identity_of(store, domain, vif).address;
  return names.empty() ? "" : "; its packets can be had without:" + names;
}

}  // namespace

std::string name_of(const Store& store, DomId domain) {
  std::string name = printable(store.read(home_of(domain) + "/name").value_or(""));
  return name.empty() ? fmt::format("{}", domain.value) : name;
}

Result<DomainInfo> find_domain(const Store& store, const DomainControl& control, std::string_view name) {
  const auto domains = control.domains();
  if (!domains) return fail(domains.error());
  std::vector<std::string> names;
  for (const DomainInfo& domain : *domains) {
    names.push_back(name_of(store, domain.id));
    if (names.back() == name && !domain.gone) return domain;
  }
  const auto number = number_in(name);
  for (const DomainInfo& domain : *domains)
    if (number && domain.id.value == *number) {
      if (!domain.gone) return domain;
      return fail({.code = Errc::guest_gone, .subject = fmt::format("domain {} {}", name, domain.end)});
    }
  if (name == "0" || name == "Domain-0")
    return fail({.code = Errc::unsupported,
                 .subject = "capturing dom0 through Xen",
                 .hint = "vmitap runs in it: a program of dom0 is a local guest, local:NAME"});
  const std::vector<std::string_view> known(names.begin(), names.end());
  const std::string near = nearest(name, known);
  return fail({.code = Errc::no_such_guest,
               .subject = fmt::format("xen:{}", printable(name)),
               .hint = names.empty()   ? "no domain runs besides dom0"
                       : !near.empty() ? fmt::format("did you mean xen:{}?", near)
                       : names.size() <= kNamed
                           ? fmt::format("the domains that run: xen:{}", fmt::join(names, ", xen:"))
                           : "vmitap list shows the domains that run"});
}

Result<Found> find_guest(const Store& store, const DomainControl& control, std::string_view name) {
  const std::size_t slash = name.find('/');
  const auto domain = find_domain(store, control, name.substr(0, slash));
  if (!domain) return fail(domain.error());
  const std::string shown = name_of(store, domain->id);
  if (slash == std::string_view::npos) {
    if (const auto kernel = Advertisement::read(store, domain->id, VMITAP_XENSTORE_KERNEL))
      return Found{*domain, *kernel, identity_of(store, *domain, *kernel)};
    if (!store.list(Advertisement::path(domain->id, VMITAP_XENSTORE_KERNEL)).empty())
      return fail({.code = Errc::protocol,
                   .subject =
                       "what it says in xenstore (data/vmitap/kernel: abi, directory, port) are not the "
                       "numbers that they must be",
                   .guest = "xen:" + shown});
    return fail(
        {.code = Errc::not_instrumented,
         .subject = fmt::format("domain {} ({})", domain->id.value, shown),
         .hint = "load vmitap.ko in it (docs/xen.md), then try again" + without_module(store, *domain)});
  }
  const std::string_view program = name.substr(slash + 1);
  // However many others there are, made up by one of them perhaps.
  if (Advertisement::is_program(program))
    if (const auto one = Advertisement::read(store, domain->id, std::string(program)))
      return Found{*domain, *one, identity_of(store, *domain, *one)};
  const Advertisements all = Advertisements::read(store, domain->id);
  std::vector<const Advertisement*> fit;
  std::string candidates;
  for (const Advertisement& one : all.found) {
    if (one.channel == VMITAP_XENSTORE_KERNEL) continue;
    if (one.name == program) fit.push_back(&one);
    candidates +=
        fmt::format("{}xen:{}/{} ({})", candidates.empty() ? "" : ", ", shown, one.channel, one.name);
  }
  if (fit.size() == 1) return Found{*domain, *fit.front(), identity_of(store, *domain, *fit.front())};
  for (const Vif& vif : vifs_of(store, domain->id))
    candidates += fmt::format("{}{} ({} in dom0)", candidates.empty() ? "" : ", ",
                              identity_of(store, *domain, vif).address, vif.device);
  if (all.more != 0)
    candidates += fmt::format("{}{} more: name one by its PID, xen:{}/PID", candidates.empty() ? "" : ", ",
                              all.more, shown);
  return fail({.code = fit.empty() ? Errc::no_such_guest : Errc::ambiguous_name,
               .subject = fmt::format("xen:{}", printable(name)),
               .hint = candidates.empty() ? "no program with vmitap's guest library runs in that domain"
                                          : "there are " + candidates});
}

std::vector<Seen> seen_guests() {
  std::vector<Seen> seen;
  const auto store = Store::open();
  const auto control = DomainControl::open();
  if (!control) return seen;
  const auto domains = control->domains();
  if (!domains) return seen;
  for (const DomainInfo& domain : *domains) {
    if (domain.gone) continue;
    if (!store) {
      seen.push_back(
          {identity_of(fmt::format("{}", domain.id.value), domain), "xenstored does not answer in dom0"});
      continue;
    }
    const Advertisements all = Advertisements::read(*store, domain.id);
    // Each honest channel has pages of its own. One that is many would cost its reading as often.
    std::set<std::uint32_t> directories;
    for (const Advertisement& advertised : all.found)
      seen.push_back({identity_of(*store, domain, advertised),
                      directories.insert(advertised.directory.value).second
                          ? ""
                          : "broke the contract: its directory is another channel's, too"});
    const auto vifs = vifs_of(*store, domain.id);
    if (all.found.empty())
      seen.push_back(
          {identity_of(name_of(*store, domain.id), domain),
           std::string(kNoModule) + (vifs.empty() ? "" : "; its packets can be had all the same")});
    seen.back().not_shown = all.more;
    for (const Vif& vif : vifs) seen.push_back({identity_of(*store, domain, vif), ""});
  }
  return seen;
}

}  // namespace vmitap::backend::xen
