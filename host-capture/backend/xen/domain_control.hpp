// SPDX-License-Identifier: MIT
// What vmitap asks the hypervisor about domains. With pause_call.hpp the one place that depends on
// interfaces which change with every release of Xen: libxenctrl, and the layout of its control calls.
#pragma once

#include <array>
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

Result<int> open_privcmd();

// Xen's system time, ns: what pvclock gives to every domain of the host.
Result<std::uint64_t> system_time(int privcmd);

}  // namespace vmitap::backend::xen
