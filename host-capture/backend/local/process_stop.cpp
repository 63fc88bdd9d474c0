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
#include <utility>

#include "backend/local/proc.hpp"

namespace vmitap::backend::local {
namespace {

using namespace std::chrono_literals;

// How long a thread may sit in an uninterruptible call (state D), whose end nobody can tell.
constexpr auto kPatience = 20ms;
// How long a thread may take that needs but a processor to come to its stop.
constexpr auto kOverload = 250ms;
constexpr int kTries = 20;
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
  made->tracees_.reserve(std::max<std::size_t>(256, std::size_t{2} * status->threads));
  return made;
}

Error ProcessStop::gone() const {
  return {.code = Errc::guest_gone, .subject = fmt::format("process {}", pid_)};
}

// X for one that is no more.
char ProcessStop::state_of(pid_t tid) const {
  const auto status = thread_status(pid_, tid);
  return status ? status->state : 'X';
}

Error ProcessStop::late(pid_t tid) const {
  return {.code = Errc::timeout,
          .subject = fmt::format("thread {} of process {} to stop", tid, pid_),
          .hint = state_of(tid) == 'D'
                      ? "it is in a call that cannot be interrupted (vfork, a slow disk); the guest runs on, "
                        "try again"
                      : "the machine has more to run than processors for it; the guest runs on, try again"};
}

Result<void> ProcessStop::stop() {
  auto thread = TracerThread::current();
  if (!thread) return fail(std::move(thread.error()));
  thread_ = *thread;
  tracees_.clear();
  saw_dead_ = false;
  saw_end_ = false;
  begun_ = Clock::now();
  thread_->begin(kPatience);
  auto stopped = take_back_stragglers();
  if (stopped) stopped = stop_all();
  if (!stopped) {
    release();
  } else {
    thread_->hold();
  }
  return stopped;
}

// What an earlier stop had to leave is still ours. If a thread of it still cannot stop, no other need be.
Result<void> ProcessStop::take_back_stragglers() {
  thread_->take_back(pid_, tracees_);
  for (Tracee& tracee : tracees_) {
    observe(tracee, false);
    if (tracee.state == Tracee::State::running && state_of(tracee.tid) == 'D') return fail(late(tracee.tid));
    if (tracee.state == Tracee::State::dead) saw_dead_ = true;
  }
  return {};
}

void ProcessStop::release() noexcept {
  if (thread_ == nullptr) return;
  thread_->resume();
  for (Tracee& tracee : tracees_) let_go(tracee);
  thread_->end(tracees_);
  thread_ = nullptr;
}

Result<void> ProcessStop::stop_all() {
  for (bool known_stand = false;; known_stand = true) {
    known_.clear();
    for (const Tracee& tracee : tracees_) known_.push_back(tracee.tid);
    std::sort(known_.begin(), known_.end());
    const auto found = seize_new();
    if (!found) return fail(found.error());
    if (auto waited = wait_for_all(); !waited) return waited;
    drop_ended();
    // What stands still cannot make a thread. So there is none but those known if either there were none
    // but those when all of them stood already, or there are just as many as those.
    const bool complete = (known_stand && *found == 0) || all_are_known();
    if (complete && all_still_stand()) break;
    if (Clock::now() > begun_ + kOverload) return fail(late(pid_));
    if (auto waited = wait_for_all(); !waited) return waited;
    drop_ended();
  }
  const bool any = std::any_of(tracees_.begin(), tracees_.end(),
                               [](const Tracee& t) { return t.state == Tracee::State::stopped; });
  return any ? Result<void>() : fail(gone());
}

void ProcessStop::drop_ended() noexcept {
  if (std::erase_if(tracees_, [](const Tracee& t) { return t.state == Tracee::State::released; }) > 0) {
    saw_end_ = true;
  }
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

// A stop ends with the life of its thread, and another thread's exec ends that: it goes on as the first
// thread, under a tid that we believe stopped. So that one is always looked at again. Once any thread was
// seen to end, all are, and what was concluded from their standing has to be concluded anew.
bool ProcessStop::all_still_stand() {
  const bool look_at_all = std::exchange(saw_end_, false);
  bool stand = true;
  for (Tracee& tracee : tracees_) {
    const bool was_dead = tracee.state == Tracee::State::dead;
    if (!look_at_all && !was_dead && tracee.tid != pid_) continue;
    tracee.state = Tracee::State::running;
    observe(tracee, false);
    if (tracee.state == Tracee::State::stopped) continue;
    if (was_dead && tracee.state == Tracee::State::running && state_of(tracee.tid) == 'Z') {
      tracee.state = Tracee::State::dead;
      continue;
    }
    tell_to_stop(tracee);
    stand = false;
  }
  if (!stand) saw_end_ = true;
  return stand && !look_at_all;
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
      if (Clock::now() > begun_ + kOverload) return fail(late(*tid));
    }
  }
}

// True if it is ours now, false if it has ended.
Result<bool> ProcessStop::seize(pid_t tid) {
  int error = 0;
  pid_t tracer = 0;
  bool abandoned = false;
  // Again after a refusal that nothing explains: in an exec another thread may just have taken this tid from
  // one that had ended.
  for (int tries = 0; tries < kTries; ++tries) {
    abandoned = thread_->interruptible(
        tracees_, [&] { error = ::ptrace(PTRACE_SEIZE, tid, nullptr, nullptr) == 0 ? 0 : errno; });
    if (error != EPERM || abandoned) break;
    const auto status = thread_status(pid_, tid);
    if (!status) return false;
    if (status->state == 'Z' || status->state == 'X') {
      saw_dead_ = true;
      return false;
    }
    saw_end_ = true;
    // A thread that exec'd took the PID for its tid, and stayed ours.
    if (status->tracer == ::gettid()) error = 0;
    tracer = status->tracer;
    if (tracer != 0) break;
  }
  if (error != 0) {
    saw_end_ = true;
    if (abandoned) return fail(late(tid));
    if (error == ESRCH) return false;
    if (error == EPERM) return fail(denied(tracer));
    return fail({.code = Errc::system,
                 .operation = "ptrace(PTRACE_SEIZE)",
                 .subject = fmt::format("thread {} of process {}", tid, pid_),
                 .sys = error});
  }
  tracees_.push_back({.pid = pid_, .tid = tid, .reap = !(tid == pid_ && our_child_)});
  // Also if we give up: what is not told to stop cannot be let go.
  tell_to_stop(tracees_.back());
  if (abandoned) return fail(late(tid));
  return true;
}

// tracer: who had it when we were refused, 0 if nobody; it may have gone since.
Error ProcessStop::denied(pid_t tracer) const {
  Error error{.code = Errc::access_denied,
              .operation = "ptrace(PTRACE_SEIZE)",
              .subject = fmt::format("process {}", pid_),
              .sys = EPERM};
  if (tracer != 0) {
    std::string name = read_proc_file(fmt::format("/proc/{}/comm", tracer)).value_or("gone");
    while (name.ends_with('\n')) name.pop_back();
    error.hint = fmt::format(
        "process {} ({}) traces it already, perhaps a debugger: end that, or read without a pause", tracer,
        name);
  }
  return error;
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
    if (tracee.state == Tracee::State::running) tell_to_stop(tracee);
    const auto now = Clock::now();
    if (tracee.state != Tracee::State::running || now < begun_ + kPatience) continue;
    const char state = state_of(tracee.tid);
    if (state == 'D' || now > begun_ + kOverload) return fail(late(tracee.tid));
    if (state != 'Z' && state != 'X') continue;
    tracee.state = Tracee::State::dead;
    saw_dead_ = true;
  }
  return {};
}

}  // namespace vmitap::backend::local
