// SPDX-License-Identifier: MIT
#include "sink/guest_addresses.hpp"

#include <algorithm>

namespace vmitap::sink {
namespace {

// Not unspecified, loopback, multicast or broadcast: nobody's own, or everybody's.
bool may_be_ones_own(std::span<const std::byte> address) {
  const auto first = std::to_integer<unsigned>(address.front());
  if (address.size() == 4) return first != 0 && first != 127 && first < 224;
  const auto is_zero = [](std::byte b) { return b == std::byte{}; };
  return first != 0xff && !std::ranges::all_of(address.first(15), is_zero);
}

}  // namespace

void GuestAddresses::add(const std::string& guest, std::span<const std::byte> address) {
  if ((address.size() != 4 && address.size() != 16) || !may_be_ones_own(address)) return;
  std::set<Address>& seen = seen_[guest];
  if (seen.size() <= kOfOneGuest) seen.emplace(address.begin(), address.end());
}

std::vector<std::pair<GuestAddresses::Address, std::string>> GuestAddresses::named() const {
  std::map<Address, std::size_t> guests;
  for (const auto& [guest, addresses] : seen_)
    for (const Address& address : addresses) ++guests[address];
  std::vector<std::pair<Address, std::string>> named;
  for (const auto& [guest, addresses] : seen_) {
    if (addresses.size() > kOfOneGuest) continue;
    for (const Address& address : addresses)
      if (guests[address] == 1) named.emplace_back(address, guest);
  }
  return named;
}

}  // namespace vmitap::sink
