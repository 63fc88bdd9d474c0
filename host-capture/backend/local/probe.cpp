// SPDX-License-Identifier: MIT
#include "backend/local/probe.hpp"

#include <fmt/format.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <memory>
#include <system_error>

#include "backend/local/fence.hpp"
#include "backend/local/find.hpp"
#include "backend/local/guest_clock.hpp"
#include "backend/local/memory_reader.hpp"
#include "backend/local/proc.hpp"
#include "backend/local/process_stop.hpp"
#include "base/error_text.hpp"

namespace vmitap::backend::local {
namespace {

using Verdict = Check::Verdict;

// A child that only waits, to try things on; killed at the end.
class Subject {
 public:
  Subject() {
    const pid_t parent = ::getpid();
    pid_ = ::fork();
    if (pid_ == 0) {
      ::prctl(PR_SET_PDEATHSIG, SIGKILL);
      while (::getppid() == parent) ::pause();
      ::_exit(0);
    }
    if (pid_ > 0) pidfd_.reset(static_cast<int>(::syscall(SYS_pidfd_open, pid_, 0)));
  }
  Subject(const Subject&) = delete;
  Subject& operator=(const Subject&) = delete;
  ~Subject() {
    if (pid_ <= 0) return;
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
  }
  [[nodiscard]] pid_t pid() const noexcept { return pid_; }
  [[nodiscard]] int pidfd() const noexcept { return pidfd_.get(); }

 private:
  pid_t pid_ = -1;
  Fd pidfd_;
};

Check check_sockets() {
  if (read_proc_file("/proc/net/unix", 1))
    return {"finding guests (/proc/net/unix)", Verdict::works, "readable", ""};
  return {"finding guests (/proc/net/unix)", Verdict::limited, "not readable: guests must be named by PID",
          "mount /proc where vmitap runs"};
}

Check check_pidfd(const Subject& subject) {
  if (subject.pidfd() >= 0) return {"watching processes (pidfd)", Verdict::works, "pidfd_open works", ""};
  return {"watching processes (pidfd)", Verdict::fails, "pidfd_open fails", "use Linux 5.3 or later"};
}

Check check_memory_reads(const Subject& subject) {
  static const std::array<char, 8> known = {'v', 'm', 'i', 't', 'a', 'p', '!', 0};  // the child has it too
  std::array<char, 8> copy{};
  ReadRequest request{.from = {reinterpret_cast<std::uintptr_t>(known.data())},
                      .into = std::as_writable_bytes(std::span(copy))};
  const auto reader = std::make_unique<MemoryReader>(subject.pid(), subject.pidfd());
  reader->read(std::span(&request, 1));
  if (copy == known)
    return {"reading memory (process_vm_readv)", Verdict::works, "read a child's memory", ""};
  return {"reading memory (process_vm_readv)", Verdict::fails, "a child's memory cannot be read",
          "let the sandbox (seccomp, container) allow process_vm_readv, or give CAP_SYS_PTRACE"};
}

std::string yama() {
  const auto scope = read_proc_file("/proc/sys/kernel/yama/ptrace_scope", 1);
  return scope ? fmt::format("Yama's ptrace_scope is {}", *scope) : std::string("no Yama");
}

Check check_pause(const Subject& subject) {
  const char* what = "pausing guests (ptrace)";
  auto stop = ProcessStop::make(subject.pid());
  auto stopped = stop ? (*stop)->stop() : Result<void>(fail(stop.error()));
  if (!stopped) {
    const bool late = stopped.error().code == Errc::timeout;  // a busy machine, which may do better next time
    return {what, late ? Verdict::limited : Verdict::fails,
            fmt::format("{}; {}", describe(stopped.error()), yama()),
            late ? stopped.error().hint
                 : "let the sandbox (seccomp, container) allow ptrace, or use --mode live"};
  }
  const auto scope = read_proc_file("/proc/sys/kernel/yama/ptrace_scope", 1).value_or("0");
  if (scope == "3")
    return {what, Verdict::fails, yama(), "ptrace_scope 3 forbids tracing until the next boot"};
  // With scope 1 a guest's agent names its host as its tracer (PR_SET_PTRACER).
  if (scope == "2" && ::geteuid() != 0) return {what, Verdict::fails, yama(), "run vmitap as root"};
  return {what, Verdict::works, fmt::format("paused a child; {}", yama()), ""};
}

Check check_fence() {
  const char* what = "sleeping without lost wake-ups (membarrier)";
  switch (fence_kind()) {
    case FenceKind::expedited:
      return {what, Verdict::works, "GLOBAL_EXPEDITED", ""};
    case FenceKind::global:
      return {what, Verdict::limited, "GLOBAL only: each time vmitap falls asleep costs milliseconds",
              "use Linux 4.16 or later"};
    case FenceKind::none:
      break;
  }
  return {what, Verdict::fails, "the kernel offers none",
          "use Linux 4.16 or later; let the sandbox allow membarrier"};
}

Check check_memfd() {
  const Fd fd(::memfd_create("vmitap-check", MFD_CLOEXEC | MFD_ALLOW_SEALING));
  if (fd) return {"shared memory (memfd with seals)", Verdict::works, "memfd_create works", ""};
  return {"shared memory (memfd with seals)", Verdict::fails,
          fmt::format("memfd_create: {}", std::system_category().message(errno)), "use Linux 3.17 or later"};
}

Check check_clock() {
  std::string source =
      read_proc_file("/sys/devices/system/clocksource/clocksource0/current_clocksource").value_or("?");
  while (source.ends_with('\n')) source.pop_back();
  if (tsc_is_invariant()) {
    return {"time stamps (TSC)", Verdict::works, fmt::format("invariant; the kernel's clock is {}", source),
            ""};
  }
  return {"time stamps (TSC)", Verdict::limited,
          fmt::format("no invariant TSC: guests read CLOCK_MONOTONIC; the kernel's clock is {}", source),
          "use a machine with constant_tsc and nonstop_tsc for cheaper triggers"};
}

}  // namespace

std::vector<Check> check_host() {
  const Subject subject;
  if (subject.pid() < 0)
    return {{"trying things on a child", Verdict::fails, "fork fails", "raise the process limit"}};
  return {check_sockets(),      check_pidfd(subject), check_memory_reads(subject),
          check_pause(subject), check_fence(),        check_memfd(),
          check_clock()};
}

std::vector<Check> check_guest(std::string_view name) {
  std::vector<Check> checks;
  auto found = find_guest(name);
  if (!found) {
    return {{"finding the guest", Verdict::fails, describe(found.error()), remedy(found.error())}};
  }
  const GuestIdentity& guest = found->identity;
  checks.push_back({"finding the guest", Verdict::works,
                    fmt::format("{} is process {}, {}", guest.name, guest.id, guest.program), ""});
  if (guest.captured_by == 0) {
    checks.push_back({"being its host", Verdict::works, "nobody captures it", ""});
  } else {
    checks.push_back({"being its host", Verdict::fails, captured_text(guest), "end that capture first"});
  }
  const auto status = process_status(static_cast<pid_t>(guest.id));
  if (status && status->tracer != 0) {
    checks.push_back({"pausing it", Verdict::fails, fmt::format("process {} traces it", status->tracer),
                      "end the debugger, or use --mode live"});
  } else if (status) {
    checks.push_back(
        {"pausing it", Verdict::works,
         fmt::format("nobody traces it; {} thread{}", status->threads, status->threads == 1 ? "" : "s"), ""});
  }
  return checks;
}

}  // namespace vmitap::backend::local
