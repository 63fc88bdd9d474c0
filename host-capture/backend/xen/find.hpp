// SPDX-License-Identifier: MIT
// Which domains there are, and which of them speak vmitap.
#pragma once

#include <string_view>
#include <vector>

#include "backend/guest.hpp"
#include "backend/xen/directory.hpp"
#include "backend/xen/domain_control.hpp"
#include "backend/xen/store.hpp"

namespace vmitap::backend::xen {

struct Found {
  DomainInfo domain;
  Advertisement advertised;
  GuestIdentity identity;
};

// NAME, NAME/PROGRAM, NAME/PID; a domid may stand for NAME. Errc::no_such_guest with the nearest name,
// not_instrumented, ambiguous_name.
Result<Found> find_guest(const Store& store, const DomainControl& control, std::string_view name);

// The domain alone, whether vmitap runs in it or not.
Result<DomainInfo> find_domain(const Store& store, const DomainControl& control, std::string_view name);

// Each channel and each network interface of each running domain; a domain without a channel, with the
// problem.
std::vector<Seen> seen_guests();

// The domain's name as xenstore has it, printable; its domid if it has none.
std::string name_of(const Store& store, DomId domain);

}  // namespace vmitap::backend::xen
