// SPDX-License-Identifier: MIT
// A domain's network interfaces as dom0 has them: xen:DOMAIN/vifN.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "backend/guest.hpp"
#include "backend/xen/domain_control.hpp"
#include "backend/xen/store.hpp"

namespace vmitap::backend::xen {

struct Vif {
  std::uint32_t number = 0;
  std::string device;          // its name in dom0
  bool is_connected = false;   // the guest's driver works with it
  std::string hotplug_status;  // what the toolstack's script says; printable
};

struct FoundVif {
  DomainInfo domain;
  Vif vif;
  GuestIdentity identity;
};

// Of "web/vif0" the interface's number; nothing if that names no vif.
std::optional<std::uint32_t> vif_number(std::string_view guest);
// Those whose backend is this dom0, by their numbers.
std::vector<Vif> vifs_of(const Store& store, DomId domain);
GuestIdentity identity_of(const Store& store, const DomainInfo& domain, const Vif& vif);
// Where the toolstack describes it.
std::string vif_path(DomId domain, std::uint32_t number);

// Errc::no_such_guest with the interfaces that the domain has.
Result<FoundVif> find_vif(const Store& store, const DomainControl& control, std::string_view name);

}  // namespace vmitap::backend::xen
