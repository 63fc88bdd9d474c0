// SPDX-License-Identifier: MIT
#include "backend/local/tracer_thread.hpp"

#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <iterator>

namespace vmitap::backend::local {
namespace {

using namespace std::chrono_literals;

constexpr int kSignal = SIGURG;
constexpr auto kRepeat = 2ms;
constexpr int kRingsInOneCall = 5;  // then it is taken to be stuck
// Stragglers are looked after at growing intervals: a vfork may last for hours.
constexpr auto kSlowest = 40ms;

// The handler's way to its thread; a plain pointer, so that reading it needs no initialisation.
thread_local TracerThread* this_thread = nullptr;

Error failed(const char* operation) { return {.code = Errc::system, .operation = operation, .sys = errno}; }

}  // namespace

Result<TracerThread*> TracerThread::current() {
  if (this_thread != nullptr) return this_thread;
  struct sigaction action {};
  action.sa_handler = &TracerThread::on_signal;  // without SA_RESTART: waitid() must return
  ::sigemptyset(&action.sa_mask);
  if (::sigaction(kSignal, &action, nullptr) != 0) return fail(failed("sigaction(SIGURG)"));
  sigset_t unblocked;
  ::sigemptyset(&unblocked);
  ::sigaddset(&unblocked, kSignal);
  if ((errno = ::pthread_sigmask(SIG_UNBLOCK, &unblocked, nullptr)) != 0)
    return fail(failed("pthread_sigmask"));

  static thread_local TracerThread made;
  sigevent event{};
  event.sigev_notify = SIGEV_THREAD_ID;
  event.sigev_signo = kSignal;
  event._sigev_un._tid = ::gettid();
  if (::timer_create(CLOCK_MONOTONIC, &event, &made.timer_) != 0) return fail(failed("timer_create"));
  made.timer_made_ = true;
  this_thread = &made;
  return this_thread;
}

TracerThread::~TracerThread() {
  this_thread = nullptr;
  if (timer_made_) ::timer_delete(timer_);
  // The thread ends, and with it the kernel lets every straggler go.
}

void TracerThread::arm(std::chrono::nanoseconds first, std::chrono::nanoseconds interval) noexcept {
  const auto timespec_of = [](std::chrono::nanoseconds time) {
    return timespec{.tv_sec = time / 1s, .tv_nsec = (time % 1s).count()};
  };
  const itimerspec setting{.it_interval = timespec_of(interval), .it_value = timespec_of(first)};
  ::timer_settime(timer_, 0, &setting, nullptr);
}

void TracerThread::begin(std::chrono::nanoseconds patience) noexcept {
  resume();
  arm(patience, kRepeat);
}

void TracerThread::end(const std::vector<Tracee>& tracees) noexcept {
  for (const Tracee& tracee : tracees) {
    if (tracee.state != Tracee::State::released) stragglers_.push_back(tracee);
  }
  interval_ = stragglers_.empty() ? 0ns : kRepeat;
  arm(interval_, interval_);
  std::atomic_signal_fence(std::memory_order_seq_cst);
  open_.store(true, std::memory_order_relaxed);
}

void TracerThread::on_signal(int) noexcept {
  const int saved = errno;
  if (this_thread != nullptr && this_thread->open_.load(std::memory_order_relaxed)) this_thread->tend();
  errno = saved;
}

void TracerThread::tend() noexcept {
  if (in_progress_ != nullptr) {
    if (++rings_ < kRingsInOneCall) return;
    abandoned_ = true;
    for (Tracee& tracee : *in_progress_) let_go(tracee);
    return;
  }
  for (Tracee& straggler : stragglers_) let_go(straggler);
  std::erase_if(stragglers_, [](const Tracee& t) { return t.state == Tracee::State::released; });
  interval_ = stragglers_.empty() ? 0ns : std::min<std::chrono::nanoseconds>(interval_ * 2, kSlowest);
  arm(interval_, interval_);
}

void TracerThread::take_back(pid_t pid, std::vector<Tracee>& tracees) {
  const auto theirs = [&](const Tracee& straggler) { return straggler.pid == pid; };
  std::copy_if(stragglers_.begin(), stragglers_.end(), std::back_inserter(tracees), theirs);
  std::erase_if(stragglers_, theirs);
}

}  // namespace vmitap::backend::local
