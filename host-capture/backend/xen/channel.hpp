// SPDX-License-Identifier: MIT
// One channel of a domain (xen_abi.h): read from outside (its catalog), or attached: all its regions mapped,
// its port bound, the guest told that a host is there.
#pragma once

#include <chrono>
#include <memory>
#include <string>

#include "backend/guest.hpp"
#include "backend/xen/capture_lock.hpp"
#include "backend/xen/directory.hpp"
#include "backend/xen/event_channel.hpp"
#include "backend/xen/grants.hpp"

namespace vmitap::backend::xen {

class AttachedChannel {
 public:
  // Errc::already_captured, protocol, abi_mismatch.
  static Result<std::unique_ptr<AttachedChannel>> attach(DomId domain, const Advertisement& advertised);

  AttachedChannel(const AttachedChannel&) = delete;
  AttachedChannel& operator=(const AttachedChannel&) = delete;
  // Tells the guest.
  ~AttachedChannel();

  [[nodiscard]] Channel regions() const noexcept { return {guest_.bytes(), host_.bytes()}; }
  [[nodiscard]] const Directory& directory() const noexcept { return directory_; }
  [[nodiscard]] EventChannel& events() noexcept { return events_; }

  // The guest is told that nobody listens: it switches its triggers off.
  void leave() noexcept { set_present(false); }
  // It went, and what comes after it may be captured by another vmitap: this one no longer claims it.
  void give_up() noexcept { lock_.release(); }
  // Says one message and waits for what answers it: a DONE, or why not. One at a time.
  Result<void> ask(std::uint32_t type, const std::string& body, const std::string& guest,
                   std::chrono::nanoseconds patience);

 private:
  AttachedChannel(CaptureLock lock, EventChannel events, Directory directory)
      : lock_(std::move(lock)), events_(std::move(events)), directory_(std::move(directory)) {}
  void set_present(bool present) noexcept;

  CaptureLock lock_;
  EventChannel events_;
  Directory directory_;
  GrantedPages guest_, host_, replies_, requests_;
  GrantedPages notice_;  // the host region's first page once more: when it goes, the guest is told
};

}  // namespace vmitap::backend::xen
