// SPDX-License-Identifier: MIT
#include "backend/local/process_stop.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/ptrace.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstddef>
#include <cstring>
#include <optional>

#include "backend/local/proc.hpp"

namespace vmitap::backend::local {
namespace {

using namespace std::chrono_literals;

constexpr auto kPatience = 20ms;
// How long to look before sleeping: a thread on another processor stops within microseconds, and being
// woken takes longer than that.
constexpr auto kSpin = 15us;

std::optional<pid_t> tid_of(const char* name) {
  pid_t tid = 0;
  const auto [end, error] = std::from_chars(name, name + std::strlen(name), tid);
  return error == std::errc{} && *end == '\0' ? std::optional(tid) : std::nullopt;
}

}  // namespace

Result<std::unique_ptr<ProcessStop>> ProcessStop::make(pid_t pid) {
  Fd tasks(::open(fmt::format("/proc/{}/task", pid).c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  const auto status = process_status(pid);
  if (!tasks || !status) return fail({.code = Errc::guest_gone, .subject = fmt::format("process {}", pid)});
  std::unique_ptr<ProcessStop> made(new ProcessStop(pid, std::move(tasks), status->parent == ::getpid()));
  made->tracees_.reserve(std::max<std::size_t>(256, 2 * status->threads));
  return made;
}

Error ProcessStop::gone() const {
  return {.code = Errc::guest_gone, .subject = fmt::format("process {}", pid_)};
}

Error ProcessStop::late(pid_t tid) const {
  return {
      .code = Errc::timeout,
      .subject = fmt::format("thread {} of process {} to stop", tid, pid_),
      .hint =
          "it is in a call that cannot be interrupted (vfork, a slow disk); the guest runs on, try again"};
}

Result<void> ProcessStop::stop() {
  auto thread = TracerThread::current();
  if (!thread) return fail(std::move(thread.error()));
  if (const pid_t straggler = (*thread)->straggler_of(pid_)) return fail(late(straggler));
  thread_ = *thread;
  tracees_.clear();
  saw_dead_ = false;
  deadline_ = Clock::now() + kPatience;
  thread_->begin(kPatience);
  auto stopped = stop_all();
  if (!stopped) {
    release();
  } else {
    thread_->hold();
  }
  return stopped;
}

void ProcessStop::release() noexcept {
  if (thread_ == nullptr) return;
  thread_->resume();
  for (Tracee& tracee : tracees_) let_go(tracee);
  thread_->end(tracees_);
  thread_ = nullptr;
}

Result<void> ProcessStop::stop_all() {
  for (bool first = true;; first = false) {
    if (!first) {
      known_.clear();
      for (const Tracee& tracee : tracees_) {
        if (tracee.state != Tracee::State::released) known_.push_back(tracee.tid);
      }
      std::sort(known_.begin(), known_.end());
    }
    const auto found = seize_new();
    if (!found) return fail(found.error());
    // Every thread known stands still, so none of them can have made another since.
    if (!first && *found == 0) break;
    if (auto waited = wait_for_all(); !waited) return waited;
    if (all_are_known()) break;
  }
  const bool any = std::any_of(tracees_.begin(), tracees_.end(),
                               [](const Tracee& t) { return t.state == Tracee::State::stopped; });
  return any ? Result<void>() : fail(gone());
}

// True if the process has as many threads as we hold: that spares the second scan. The link count of
// /proc/PID/task is two more than its threads (fs/proc/base.c, proc_task_getattr). A dead thread that is
// still listed could give its place in the count to a new one, so the count says nothing then.
bool ProcessStop::all_are_known() const noexcept {
  if (saw_dead_) return false;
  struct stat directory {};
  if (::fstat(tasks_.get(), &directory) != 0) return false;
  const auto held = static_cast<std::size_t>(std::count_if(
      tracees_.begin(), tracees_.end(), [](const Tracee& t) { return t.state == Tracee::State::stopped; }));
  return directory.st_nlink == held + 2;
}

// Seizes and interrupts every listed thread that is not known. How many.
Result<std::size_t> ProcessStop::seize_new() {
  struct Entry {  // linux_dirent64, getdents64(2)
    std::uint64_t inode;
    std::int64_t offset;
    std::uint16_t length;
    std::uint8_t type;
  };
  std::size_t found = 0;
  if (::lseek(tasks_.get(), 0, SEEK_SET) != 0) return fail(gone());
  for (;;) {
    const long size = ::syscall(SYS_getdents64, tasks_.get(), entries_.data(), entries_.size());
    if (size < 0) return fail(gone());
    if (size == 0) return found;
    for (std::size_t at = 0; at < static_cast<std::size_t>(size);) {
      Entry entry;
      std::memcpy(&entry, entries_.data() + at, offsetof(Entry, type) + 1);
      const auto tid = tid_of(entries_.data() + at + offsetof(Entry, type) + 1);
      at += entry.length;
      if (!tid || std::binary_search(known_.begin(), known_.end(), *tid)) continue;
      auto seized = seize(*tid);
      if (!seized) return fail(std::move(seized.error()));
      if (*seized) ++found;
      if (Clock::now() > deadline_) return fail(late(*tid));
    }
  }
}

// True if it is ours now, false if it has ended.
Result<bool> ProcessStop::seize(pid_t tid) {
  long result = 0;
  int error = 0;
  const bool abandoned = thread_->interruptible(tracees_, [&] {
    result = ::ptrace(PTRACE_SEIZE, tid, nullptr, nullptr);
    error = errno;
  });
  if (result != 0 && error == EPERM) {
    const auto ours = explain_refusal(tid);
    if (!ours || !*ours) return ours;
  } else if (result != 0) {
    if (error == ESRCH) return false;
    return fail({.code = Errc::system,
                 .operation = "ptrace(PTRACE_SEIZE)",
                 .subject = fmt::format("thread {} of process {}", tid, pid_),
                 .sys = error});
  }
  tracees_.push_back({.pid = pid_, .tid = tid, .reap = !(tid == pid_ && our_child_)});
  // Also if we give up: what is not told to stop cannot be let go. Fails only if it died, as its wait tells.
  ::ptrace(PTRACE_INTERRUPT, tid, nullptr, nullptr);
  if (abandoned) return fail(late(tid));
  return true;
}

// PTRACE_SEIZE said EPERM. True if the thread is ours already, false if it is dead.
Result<bool> ProcessStop::explain_refusal(pid_t tid) {
  const auto status = thread_status(pid_, tid);
  if (!status) return false;
  if (status->state == 'Z' || status->state == 'X') {
    saw_dead_ = true;
    return false;
  }
  // A thread that exec'd took the PID for its tid, and stayed ours.
  if (status->tracer == ::gettid()) return true;
  Error error{.code = Errc::access_denied,
              .operation = "ptrace(PTRACE_SEIZE)",
              .subject = fmt::format("process {}", pid_),
              .sys = EPERM};
  if (status->tracer != 0) {
    std::string name = read_proc_file(fmt::format("/proc/{}/comm", status->tracer)).value_or("");
    while (name.ends_with('\n')) name.pop_back();
    error.hint = fmt::format(
        "process {} ({}) traces it already, perhaps a debugger: end that, or read without a pause",
        status->tracer, name);
  }
  return fail(std::move(error));
}

Result<void> ProcessStop::wait_for_all() {
  for (auto until = Clock::now() + kSpin;;) {
    bool running = false;
    for (Tracee& tracee : tracees_) {
      if (tracee.state == Tracee::State::running) observe(tracee, false);
      running |= tracee.state == Tracee::State::running;
    }
    if (!running) return {};
    if (Clock::now() > until) break;
  }
  for (Tracee& tracee : tracees_) {
    if (auto waited = wait_for(tracee); !waited) return waited;
  }
  return {};
}

Result<void> ProcessStop::wait_for(Tracee& tracee) {
  while (tracee.state == Tracee::State::running) {
    observe(tracee, true);  // the timer of thread_ ends it
    if (tracee.state != Tracee::State::running || Clock::now() < deadline_) continue;
    // A first thread that ended before the others cannot be waited for before they end.
    const auto status = thread_status(pid_, tracee.tid);
    if (status && status->state != 'Z' && status->state != 'X') return fail(late(tracee.tid));
    saw_dead_ = true;
    return {};
  }
  return {};
}

}  // namespace vmitap::backend::local
