// SPDX-License-Identifier: MIT
// Our end of a domain's event channel.
#pragma once

#include "backend/xen/libxen.hpp"

#include "backend/xen/library_handle.hpp"
#include "base/ids.hpp"
#include "base/result.hpp"

namespace vmitap::backend::xen {

class EventChannel {
 public:
  // Binds the port that the domain left unbound for us. Xen lets one do so at a time. Errc::protocol if
  // there is no such port, or somebody has it who did not take the CaptureLock.
  static Result<EventChannel> bind(DomId domain, EvtchnPort remote);

  [[nodiscard]] EvtchnPort local() const noexcept { return port_; }
  // Readable when the domain notified. Not blocking.
  [[nodiscard]] int fd() const noexcept { return xenevtchn_fd(handle_.get()); }
  // Makes fd() unreadable until the next notification. True if there was one.
  bool clear() noexcept;
  // Any thread.
  void notify() noexcept { xenevtchn_notify(handle_.get(), port_.value); }

 private:
  using Handle = LibraryHandle<xenevtchn_handle, xenevtchn_close>;
  EventChannel(Handle handle, EvtchnPort port) : handle_(std::move(handle)), port_(port) {}
  Handle handle_;  // closing it unbinds
  EvtchnPort port_;
};

}  // namespace vmitap::backend::xen
