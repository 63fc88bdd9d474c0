// SPDX-License-Identifier: MIT
// The symbols of the kernel that runs, out of its own memory: the compressed tables behind /proc/kallsyms, as
// Linux 6.0 and later have them (scripts/kallsyms.c writes them, kernel/kallsyms.c reads them). Nothing in
// there is trusted.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "types/guest_reader.hpp"

namespace vmitap::types {

class KernelSymbols {
 public:
  struct Symbol {
    std::string_view name;      // lives as long as the table
    char kind = '?';            // as nm writes it
    std::uint64_t address = 0;  // of per-CPU variables: from __per_cpu_start, which is 0 on x86-64
  };

  // vmcoreinfo names where the tables are. Errc::unsupported if it does not, Errc::protocol if they
  // contradict themselves, Errc::unreadable_memory, too_large.
  static Result<KernelSymbols> read(std::string_view vmcoreinfo, const GuestReader& read);

  [[nodiscard]] std::size_t size() const noexcept { return entries_.size(); }
  [[nodiscard]] Symbol at(std::size_t index) const;
  // Static functions and variables may share a name. Linear.
  [[nodiscard]] std::vector<Symbol> named(std::string_view name) const;
  // Empty if none is near.
  [[nodiscard]] std::string nearest_to(std::string_view name) const;

 private:
  friend class KernelSymbolsReader;
  struct Entry {
    std::uint64_t address;
    std::uint32_t name_at;
    std::uint16_t name_size;
    char kind;
  };

  std::string names_;
  std::vector<Entry> entries_;
};

}  // namespace vmitap::types
