// SPDX-License-Identifier: MIT
#include "backend/xen/domain_control.hpp"

#include <fcntl.h>
#include <sys/ioctl.h>

#include <cstdint>
extern "C" {
#include <xenctrl.h>  // first of Xen's: the others lean on it
// clang-format off
#include <xen/hvm/hvm_op.h>
#include <xen/sys/privcmd.h>
// clang-format on
}

#include <algorithm>
#include <cerrno>
#include <memory>

#include "backend/xen/libxen.hpp"

namespace vmitap::backend::xen {
namespace {

constexpr unsigned kDomainsAtOnce = 256;

const char* words(unsigned shutdown_reason) {
  switch (shutdown_reason) {
    case SHUTDOWN_poweroff:
      return "powered off";
    case SHUTDOWN_reboot:
      return "rebooted";
    case SHUTDOWN_suspend:
      return "was saved or migrated away";
    case SHUTDOWN_crash:
    case SHUTDOWN_watchdog:
      return "crashed";
    case SHUTDOWN_soft_reset:
      return "was reset";
    default:
      return "shut down";
  }
}

DomainInfo info_of(const xc_dominfo_t& from) {
  DomainInfo info{.id = {static_cast<std::uint16_t>(from.domid)},
                  .hvm = from.hvm != 0,
                  .paused = from.paused != 0,
                  .gone = from.dying != 0 || from.shutdown != 0 || from.crashed != 0,
                  .end = {},
                  .vcpus = from.max_vcpu_id + 1};
  std::copy_n(from.handle, info.uuid.size(), info.uuid.begin());
  if (from.crashed != 0) {
    info.end = "crashed";
  } else if (from.shutdown != 0) {
    info.end = words(from.shutdown_reason);
  } else if (from.dying != 0) {
    info.end = "was destroyed";
  }
  return info;
}

}  // namespace

Result<DomainControl> DomainControl::open() {
  Handle handle(xc_interface_open(quiet(), quiet(), 0));
  if (!handle) {
    const bool denied = errno == EACCES || errno == EPERM;
    return fail({.code = denied ? Errc::access_denied : Errc::unsupported,
                 .operation = "xc_interface_open",
                 .subject = "reaching Xen domains",
                 .sys = errno,
                 .hint = denied ? "run vmitap as root" : "run vmitap in dom0 of a Xen host"});
  }
  return DomainControl(std::move(handle));
}

Result<std::vector<DomainInfo>> DomainControl::domains() const {
  std::vector<DomainInfo> all;
  auto some = std::make_unique<std::array<xc_dominfo_t, kDomainsAtOnce>>();
  for (std::uint32_t first = 1;;) {
    const int count = xc_domain_getinfo(handle_.get(), first, kDomainsAtOnce, some->data());
    if (count < 0)
      return fail({.code = errno == EPERM ? Errc::access_denied : Errc::system,
                   .operation = "xc_domain_getinfo",
                   .sys = errno});
    for (int i = 0; i < count; ++i) all.push_back(info_of((*some)[static_cast<std::size_t>(i)]));
    if (static_cast<unsigned>(count) < kDomainsAtOnce) return all;
    first = all.back().id.value + 1u;
  }
}

std::optional<DomainInfo> DomainControl::domain(DomId id) const {
  xc_dominfo_t info;
  // Gives the next one where this one is not.
  if (xc_domain_getinfo(handle_.get(), id.value, 1, &info) != 1 || info.domid != id.value)
    return std::nullopt;
  return info_of(info);
}

std::optional<std::string> DomainControl::end_of(const DomainInfo& known) const {
  const auto now = domain(known.id);
  if (!now || now->uuid != known.uuid) return "was destroyed";
  return now->gone ? std::optional(now->end) : std::nullopt;
}

Result<int> open_privcmd() {
  const int fd = ::open("/dev/xen/privcmd", O_RDWR | O_CLOEXEC);
  if (fd >= 0) return fd;
  return fail({.code = errno == EACCES || errno == EPERM ? Errc::access_denied : Errc::unsupported,
               .operation = "open",
               .subject = "asking Xen through /dev/xen/privcmd",
               .sys = errno,
               .hint = "run vmitap as root in dom0, with the module xen-privcmd loaded"});
}

Result<std::uint64_t> system_time(int privcmd) {
  xen_hvm_get_time_t time{};
  privcmd_hypercall call{.op = __HYPERVISOR_hvm_op,
                         .arg = {HVMOP_get_time, reinterpret_cast<std::uintptr_t>(&time), 0, 0, 0}};
  if (::ioctl(privcmd, IOCTL_PRIVCMD_HYPERCALL, &call) == 0) return time.now;
  return fail({.code = Errc::system,
               .operation = "HVMOP_get_time",
               .subject = "Xen's system time",
               .sys = errno,
               .hint = "Xen has to be built with support for HVM"});
}

}  // namespace vmitap::backend::xen
