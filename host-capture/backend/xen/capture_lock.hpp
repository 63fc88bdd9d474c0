// SPDX-License-Identifier: MIT
// Tells other vmitaps on this host who captures a channel. Not what keeps them away: that is the event
// channel, which Xen lets only one bind.
#pragma once

#include <sys/types.h>

#include <string>

#include "base/handle.hpp"
#include "base/ids.hpp"
#include "base/result.hpp"

namespace vmitap::backend::xen {

// Held as long as it lives, or as the process does. The file stays, as a process that captures may remove
// nothing: who takes a lock next removes it.
class CaptureLock {
 public:
  static Result<CaptureLock> take(DomId domain, const std::string& channel);
  void release() noexcept { file_.reset(); }

 private:
  explicit CaptureLock(Fd file) : file_(std::move(file)) {}
  Fd file_;
};

// PID of who holds it, 0 if nobody does.
pid_t captured_by(DomId domain, const std::string& channel);

// The files that nobody holds any more. Only while nobody else can be about to take one: the caller has the
// directory locked (flock), as who takes a lock has.
void remove_stale_captures(const std::string& directory);

}  // namespace vmitap::backend::xen
