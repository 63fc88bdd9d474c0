// SPDX-License-Identifier: MIT
#include "backend/xen/event_channel.hpp"

#include <fcntl.h>
#include <fmt/format.h>

#include <cerrno>

namespace vmitap::backend::xen {

Result<EventChannel> EventChannel::bind(DomId domain, EvtchnPort remote) {
  Handle handle(xenevtchn_open(quiet(), 0));
  if (!handle) {
    return fail({.code = errno == EACCES || errno == EPERM ? Errc::access_denied : Errc::unsupported,
                 .operation = "xenevtchn_open",
                 .subject = "event channels",
                 .sys = errno,
                 .hint = "run vmitap as root in dom0, with the module xen-evtchn loaded"});
  }
  const int port = xenevtchn_bind_interdomain(handle.get(), domain.value, remote.value);
  if (port < 0) {
    // EINVAL is what Xen says of a port that is not unbound, or not for us.
    return fail({.code = Errc::protocol,
                 .operation = "xenevtchn_bind_interdomain",
                 .subject = fmt::format("port {} of domain {} is closed, or bound by another", remote.value,
                                        domain.value),
                 .sys = errno,
                 .hint = "see that nothing else in dom0 captures it, then load vmitap.ko in it anew"});
  }
  const int fd = xenevtchn_fd(handle.get());
  ::fcntl(fd, F_SETFL, ::fcntl(fd, F_GETFL) | O_NONBLOCK);
  return EventChannel(std::move(handle), EvtchnPort{static_cast<std::uint32_t>(port)});
}

bool EventChannel::clear() noexcept {
  const int port = xenevtchn_pending(handle_.get());
  if (port < 0) return false;
  xenevtchn_unmask(handle_.get(), static_cast<evtchn_port_t>(port));
  return true;
}

}  // namespace vmitap::backend::xen
