// SPDX-License-Identifier: MIT
// A pause, or what takes it back, as a call whose outcome outlives its maker: Xen itself writes the result,
// where others see it. Leans on the layout of xen/public/domctl.h, xen.h and version.h.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "base/handle.hpp"
#include "base/ids.hpp"
#include "base/result.hpp"

namespace vmitap::backend::xen {

// That a call was made, in memory that may be a file's. Xen writes it right behind the call. A page of a file
// may be on the move just then, so the call's maker sets it as well: it is exact unless both fail, the maker
// by being killed.
class PauseMark {
 public:
  [[nodiscard]] bool is_set() const noexcept;
  void set() noexcept;
  void clear() noexcept;

 private:
  friend class PauseCall;
  std::array<std::uint32_t, 2>
      features_{};  // struct xen_feature_info: the second one is never zero once written
};

// Stands in a page of /dev/xen/hypercall, which the kernel never moves: else Xen could pause, and then not
// find the place for its result. Never across two pages.
class alignas(512) PauseCall {
 public:
  enum class Kind : std::uint8_t { pause, unpause };

  // Not made yet. Everything that Xen reads has the address where this object and the mark stand.
  void prepare(DomId domain, Kind kind, PauseMark& mark) noexcept;
  // Back to "not made", for another time.
  void rearm() noexcept;
  // Makes it, through a descriptor of /dev/xen/privcmd. 0, or an errno. Async-signal-safe.
  int make(int privcmd) noexcept;
  // Xen made it and it worked.
  [[nodiscard]] bool done() const noexcept;
  // Or it was made and would never work: there is no such domain any more, or nothing to take back.
  [[nodiscard]] bool settled() const noexcept;

 private:
  [[nodiscard]] std::int64_t result() const noexcept;

  static constexpr std::uint64_t kNotMade = 0x766d69746170;  // no result of any call
  struct Entry {                                             // struct multicall_entry
    std::uint64_t op, result, args[6];
  };
  std::array<Entry, 2> entries_;       // the order, and the mark
  std::array<std::byte, 192> domctl_;  // struct xen_domctl
};

// Pages for such calls: zero, and shared with children. Errc::unsupported, access_denied, system.
Result<Mapping> map_hypercall_pages(std::size_t size);

}  // namespace vmitap::backend::xen
