// SPDX-License-Identifier: MIT
// One packet from a guest's agent, checked. The agent is the guest's: nothing in the packet is believed
// before it was checked against control_abi.h.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <variant>

#include "backend/guest.hpp"

namespace vmitap::backend {

struct Welcome {
  std::uint32_t abi_version = 0;
  std::uint64_t captured_by = 0;
  std::string name;  // printable
};
struct Listed {};
struct Attached {};
struct Done {};
struct Changed {};
struct Refused {
  std::uint32_t reason = 0;
  std::uint32_t detail = 0;
};

// A module's host_path is left empty.
using ControlMessage =
    std::variant<Welcome, GuestModule, GuestSite, Listed, Attached, Done, Refused, Changed>;

// Errors: Errc::protocol, subject the broken rule.
Result<ControlMessage> parse_control_message(std::span<const std::byte> packet);

// What one packet cannot show: ids are unique, every site lies in a module that was named.
Result<void> check_catalog(const GuestCatalog& catalog);

}  // namespace vmitap::backend
