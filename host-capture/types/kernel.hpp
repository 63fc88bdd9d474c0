// SPDX-License-Identifier: MIT
// The kernel of one guest as it describes itself: its symbols, its types, where its per-CPU areas are. Read
// once, out of guest memory. Thread rule: the control thread's; catalogs that publish() gave out are
// anyone's.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "backend/guest.hpp"
#include "base/result.hpp"
#include "types/btf.hpp"
#include "types/btf_types.hpp"
#include "types/guest_reader.hpp"
#include "types/kernel_symbols.hpp"
#include "types/layout.hpp"

namespace vmitap::types {

class Kernel {
 public:
  // Errc::unsupported if the kernel does not tell where its descriptions are; unreadable_memory; and what
  // Btf::parse() and KernelSymbols::read() say.
  static Result<std::unique_ptr<Kernel>> read(const backend::KernelImage& image, const GuestReader& read);
  // Errc::unsupported of a guest that shows no kernel; `why_none` as its catalog says it.
  static Result<std::unique_ptr<Kernel>> read(backend::Guest& guest,
                                              const std::optional<backend::KernelImage>& image,
                                              const std::string& why_none = {});

  [[nodiscard]] const KernelSymbols& symbols() const noexcept { return symbols_; }
  [[nodiscard]] const Btf& btf() const noexcept { return *btf_; }

  // The types that were asked for so far. What follows adds to it; ids stay what they are.
  [[nodiscard]] std::shared_ptr<const Catalog> catalog() const { return catalog_; }
  // Every type of that name, and what it holds by value.
  void admit(std::string_view name);
  TypeId admit(BtfId id);
  // Members of records that stand by value in this type and are declarations only so far.
  void complete(TypeId id);
  TypeId pointer_to(TypeId target);
  // Kind::opaque if it is beyond all bounds.
  TypeId array_of(TypeId element, std::uint64_t count);
  // From here on that catalog never changes: what comes after reopen() goes into a copy.
  std::shared_ptr<const Catalog> publish();
  void reopen() { static_cast<void>(changing()); }

  [[nodiscard]] bool is_per_cpu(const KernelSymbols::Symbol& symbol) const;
  // Of possible CPUs.
  [[nodiscard]] std::size_t cpus() const noexcept { return per_cpu_offsets_.size(); }
  [[nodiscard]] std::uint64_t per_cpu_address(std::uint64_t symbol, std::size_t cpu) const {
    return symbol - per_cpu_start_ + per_cpu_offsets_[cpu];
  }

 private:
  Kernel(Btf btf, KernelSymbols symbols);
  Catalog& changing();
  TypeId derived(Type type);

  std::unique_ptr<const Btf> btf_;
  KernelSymbols symbols_;
  std::shared_ptr<Catalog> catalog_;
  std::optional<BtfTypes> types_;  // of catalog_
  bool is_published_ = false;
  std::vector<std::uint64_t> per_cpu_offsets_;
  std::uint64_t per_cpu_start_ = 0;
  std::uint64_t per_cpu_end_ = 0;
};

}  // namespace vmitap::types
