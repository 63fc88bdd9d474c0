// SPDX-License-Identifier: MIT
// Whose a pause is. Xen counts how often a domain was paused, but not by whom: a tool that is killed leaves
// its domain paused for ever. So each pause of ours is a PauseCall in pages that this process shares with a
// guardian of its own, whose only work is to wait for our death and to give back what Xen's results there say
// that we hold. Beside it Xen marks in a file under /run/vmitap what was made: if both were killed, the next
// vmitap gives back what the file says. Pauses of others are never touched.
#pragma once

#include <sys/types.h>

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "backend/xen/domain_control.hpp"
#include "backend/xen/pause_call.hpp"
#include "base/handle.hpp"
#include "base/ids.hpp"
#include "base/result.hpp"
#include "base/syscall_filter.hpp"

namespace vmitap::backend::xen {

inline constexpr const char* kLedgerDirectory = "/run/vmitap";

struct LedgerLine;
struct LedgerCalls;

// One domain's line. Made by PauseLedger; one thread pauses and unpauses.
class PauseLine {
 public:
  // Errc::guest_gone if the domain is no more; system. Not nested.
  Result<void> pause() noexcept;
  // False: there was nothing to take back. Somebody else had, and the domain ran, or it is gone; or Xen
  // refuses, and the next pause() tries again first.
  bool unpause() noexcept;

 private:
  friend class PauseLedger;
  PauseLine(LedgerLine& line, LedgerCalls& calls, int privcmd) noexcept
      : line_(&line), calls_(&calls), privcmd_(privcmd) {}
  LedgerLine* line_;
  LedgerCalls* calls_;
  int privcmd_;
};

// One per process that pauses, made before the process opens anything of a guest's: the guardian, a
// fork, must not hold it open.
class PauseLedger {
 public:
  // The process's own, made at the first call. Gives back first what dead processes left paused.
  static Result<PauseLedger*> get();

  PauseLedger(const PauseLedger&) = delete;
  PauseLedger& operator=(const PauseLedger&) = delete;
  ~PauseLedger();

  // Any thread. Errc::too_large if all lines are taken. The line is the caller's until leave().
  Result<PauseLine> enter(DomId domain, const DomainUuid& uuid);
  void leave(const PauseLine& line) noexcept;
  [[nodiscard]] int privcmd() const noexcept { return privcmd_.get(); }
  // Starts the guardian again if somebody killed it. Any thread, now and then.
  void look_after_guardian() noexcept;

 private:
  PauseLedger() = default;
  Result<void> create();
  Result<void> complete(const std::string& fresh);
  Result<void> start_guardian();

  Fd privcmd_;
  Fd file_;
  std::string path_;
  Mapping memory_;  // the file
  Mapping pages_;   // the calls, a pair for each line of the file
  Fd life_;         // the write end of the pipe at whose end the guardian waits
  pid_t guardian_ = -1;
  std::optional<SyscallFilter>
      guardian_may_;  // made before it is needed: between fork and exec nothing can be
};

// What the files under /run/vmitap tell, for `vmitap doctor`.
struct HeldPause {
  DomId domain;
  pid_t owner = 0;
  bool owner_lives = false;
};
std::vector<HeldPause> held_pauses();

// Unpauses what dead processes left paused and removes their files; how many it gave back.
std::size_t give_back_orphans(const DomainControl& control, int privcmd);

}  // namespace vmitap::backend::xen
