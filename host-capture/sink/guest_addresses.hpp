// SPDX-License-Identifier: MIT
// Which IP addresses are a guest's own, as far as the packets tell that it sent. Any of them may be a lie.
#pragma once

#include <cstddef>
#include <map>
#include <set>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace vmitap::sink {

class GuestAddresses {
 public:
  using Address = std::vector<std::byte>;  // 4 or 16, as on the wire

  // One that sends from more forwards what others send; bounds what is kept, too.
  static constexpr std::size_t kOfOneGuest = 16;

  // What this guest sent came from there.
  void add(const std::string& guest, std::span<const std::byte> address);

  // Those of one guest alone, with its name, by name. Not of a guest that sends from more than kOfOneGuest.
  [[nodiscard]] std::vector<std::pair<Address, std::string>> named() const;

 private:
  std::map<std::string, std::set<Address>> seen_;  // at most one more than kOfOneGuest each
};

}  // namespace vmitap::sink
