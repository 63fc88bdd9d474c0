// SPDX-License-Identifier: MIT
#include "backend/xen/pause_call.hpp"

#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/mman.h>

#include <cstdint>
extern "C" {
#include <xenctrl.h>  // first of Xen's: the others lean on it
// clang-format off
#include <xen/sys/privcmd.h>
#include <xen/version.h>
// clang-format on
}

#include <atomic>
#include <cerrno>
#include <new>

namespace vmitap::backend::xen {

bool PauseMark::is_set() const noexcept {
  return std::atomic_ref(const_cast<std::uint32_t&>(features_[1])).load(std::memory_order_acquire) != 0;
}

void PauseMark::set() noexcept { std::atomic_ref(features_[1]).store(1, std::memory_order_release); }

void PauseMark::clear() noexcept { std::atomic_ref(features_[1]).store(0, std::memory_order_release); }

void PauseCall::prepare(DomId domain, Kind kind, PauseMark& mark) noexcept {
  static_assert(sizeof(Entry) == sizeof(multicall_entry_t));
  static_assert(sizeof domctl_ >= sizeof(xen_domctl_t));
  static_assert(sizeof(PauseMark) == sizeof(xen_feature_info_t));
  domctl_ = {};
  auto* const order = new (domctl_.data()) xen_domctl_t{};
  order->cmd = kind == Kind::pause ? XEN_DOMCTL_pausedomain : XEN_DOMCTL_unpausedomain;
  order->interface_version = XEN_DOMCTL_INTERFACE_VERSION;
  order->domain = domain.value;
  entries_ = {};
  entries_[0] = {
      .op = __HYPERVISOR_domctl, .result = kNotMade, .args = {reinterpret_cast<std::uintptr_t>(order)}};
  // Of all that Xen writes for the asking what costs it least.
  entries_[1] = {.op = __HYPERVISOR_xen_version,
                 .result = 0,
                 .args = {XENVER_get_features, reinterpret_cast<std::uintptr_t>(&mark.features_)}};
}

void PauseCall::rearm() noexcept {
  std::atomic_ref(entries_[0].result).store(kNotMade, std::memory_order_release);
}

int PauseCall::make(int privcmd) noexcept {
  privcmd_hypercall call{
      .op = __HYPERVISOR_multicall,
      .arg = {reinterpret_cast<std::uintptr_t>(entries_.data()), entries_.size(), 0, 0, 0}};
  const int error = ::ioctl(privcmd, IOCTL_PRIVCMD_HYPERCALL, &call) != 0 ? errno : 0;
  if (result() == static_cast<std::int64_t>(kNotMade)) return error != 0 ? error : EIO;
  return static_cast<int>(-result());
}

bool PauseCall::done() const noexcept { return result() == 0; }

bool PauseCall::settled() const noexcept {
  return result() == 0 || result() == -ESRCH || result() == -EINVAL;
}

std::int64_t PauseCall::result() const noexcept {
  return static_cast<std::int64_t>(
      std::atomic_ref(const_cast<std::uint64_t&>(entries_[0].result)).load(std::memory_order_acquire));
}

Result<Mapping> map_hypercall_pages(std::size_t size) {
  const Fd fd(::open("/dev/xen/hypercall", O_RDWR | O_CLOEXEC));
  void* const at = fd ? ::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd.get(), 0) : MAP_FAILED;
  if (at != MAP_FAILED) return Mapping{at, size};
  const bool denied = errno == EACCES || errno == EPERM;
  return fail(
      {.code = denied ? Errc::access_denied
               : !fd  ? Errc::unsupported
                      : Errc::system,
       .operation = fd ? "mmap" : "open",
       .subject = "pages for hypercalls from /dev/xen/hypercall",
       .sys = errno,
       .hint = fd ? "free some of dom0's memory"
                  : "run vmitap as root in dom0, with the module xen-privcmd of Linux 4.18 or later loaded"});
}

}  // namespace vmitap::backend::xen
