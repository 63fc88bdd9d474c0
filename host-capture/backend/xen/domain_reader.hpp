// SPDX-License-Identifier: MIT
// What the snapshot thread does with a domain: reads its memory, in a pause or not.
#pragma once

#include <optional>
#include <span>
#include <string>

#include "backend/guest.hpp"
#include "backend/xen/domain_control.hpp"
#include "backend/xen/memory.hpp"
#include "backend/xen/pause_ledger.hpp"

namespace vmitap::backend::xen {

// After open() the snapshot thread's.
class DomainReader {
 public:
  explicit DomainReader(PauseLedger& ledger) noexcept : ledger_(ledger) {}
  DomainReader(const DomainReader&) = delete;
  DomainReader& operator=(const DomainReader&) = delete;
  ~DomainReader();

  // Without a place where its page tables begin, the domain can be paused, and each read is unreadable.
  Result<void> open(const DomainInfo& domain, const std::optional<AddressSpace>& space);

  void rehearse() noexcept;
  void read(std::span<ReadRequest> requests) noexcept;
  Result<void> pause();
  void unpause() noexcept;
  // Of the last pause, once it is over.
  [[nodiscard]] bool stood_still() const noexcept {
    return was_ours_ && (!memory_ || memory_->pages_stood_still());
  }

 private:
  enum class Reading : std::uint8_t { anew, rehearsal, pause };

  PauseLedger& ledger_;
  std::optional<Memory> memory_;
  std::optional<PauseLine> line_;
  Reading reading_ = Reading::anew;
  bool was_ours_ = false;  // from its begin to its end: nobody else let the domain run meanwhile
};

Result<Memory> open_memory(const DomainInfo& domain, AddressSpace space, MappingShare share);

}  // namespace vmitap::backend::xen
