// SPDX-License-Identifier: MIT
// What vmitap asks the hypervisor about domains. The one place that depends on interfaces which change
// with every release of Xen: libxenctrl, and the layout of its control calls (xen/public/domctl.h).
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "backend/xen/library_handle.hpp"
#include "base/ids.hpp"
#include "base/result.hpp"

struct xc_interface_core;
extern "C" int xc_interface_close(xc_interface_core*);

namespace vmitap::backend::xen {

using DomainUuid = std::array<std::uint8_t, 16>;

struct DomainInfo {
  DomId id;
  DomainUuid uuid{};
  bool hvm = false;      // its page tables count guest frames: HVM and PVH
  bool paused = false;   // by whom does not show
  bool gone = false;     // it is dying, crashed or shut down
  std::string end = {};  // of one that is gone: how, in words
  std::uint32_t vcpus = 0;
};

// One thread at a time.
class DomainControl {
 public:
  // Errc::unsupported where there is no Xen to ask, access_denied.
  static Result<DomainControl> open();

  // All but dom0.
  [[nodiscard]] Result<std::vector<DomainInfo>> domains() const;
  // Nothing if there is no such domain (any more).
  [[nodiscard]] std::optional<DomainInfo> domain(DomId id) const;
  // How this very domain ended, in words; nothing while it runs.
  [[nodiscard]] std::optional<std::string> end_of(const DomainInfo& domain) const;

 private:
  using Handle = LibraryHandle<xc_interface_core, xc_interface_close>;
  explicit DomainControl(Handle handle) : handle_(std::move(handle)) {}
  Handle handle_;
};

// A call that pauses or unpauses a domain, laid out in memory so that Xen itself writes its result there:
// the call goes through a multicall, whose entries Xen updates. Whoever shares the memory knows whether
// the call was made, even if its maker was killed in the middle. It never lies across two pages, of which the
// kernel may be moving one.
class alignas(256) PauseCall {
 public:
  enum class Kind : std::uint8_t { pause, unpause };

  // Not made yet. Everything that Xen reads has the address where this object stands.
  void prepare(DomId domain, Kind kind) noexcept;
  // Back to "not made", for another time.
  void rearm() noexcept;
  // Makes it, through a descriptor of /dev/xen/privcmd. 0, or an errno. Async-signal-safe.
  int make(int privcmd) noexcept;
  // Xen made it and it worked.
  [[nodiscard]] bool done() const noexcept;
  // Or it was made and would never work: there is no such domain any more, or nothing to take back.
  [[nodiscard]] bool settled() const noexcept;

 private:
  [[nodiscard]] bool made() const noexcept;

  static constexpr std::uint64_t kNotMade = 0x766d69746170;  // no result of any call
  struct Entry {                                             // struct multicall_entry
    std::uint64_t op, result, args[6];
  };
  Entry entry_;
  std::array<std::byte, 192> domctl_;  // struct xen_domctl
};

Result<int> open_privcmd();

// Xen's system time, ns: what pvclock gives to every domain of the host.
Result<std::uint64_t> system_time(int privcmd);

}  // namespace vmitap::backend::xen
