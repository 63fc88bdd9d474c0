// SPDX-License-Identifier: MIT
#include "cli/controls.hpp"

#include <fmt/format.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <new>
#include <utility>

#include "base/least_privilege.hpp"
#include "cli/say.hpp"
#include "cli/terminal.hpp"

namespace vmitap::cli {
namespace {

constexpr int kTickMs = 200;
constexpr std::chrono::seconds kTwins{1};  // a second SIGTERM this soon is the same request

sigset_t watched() {
  sigset_t set;
  sigemptyset(&set);
  for (const int signal : {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGCONT, SIGTSTP}) sigaddset(&set, signal);
  return set;
}

}  // namespace

void KeyMode::enter() noexcept {
  termios mode{};
  if (saved_ || !is_terminal(STDIN_FILENO) || ::tcgetpgrp(STDIN_FILENO) != ::getpgrp()) return;
  if (::tcgetattr(STDIN_FILENO, &mode) != 0) return;
  saved_ = mode;
  mode.c_lflag &= ~static_cast<tcflag_t>(ICANON | ECHO);
  mode.c_cc[VMIN] = 1;
  mode.c_cc[VTIME] = 0;
  ::tcsetattr(STDIN_FILENO, TCSANOW, &mode);
}

void KeyMode::leave() noexcept {
  if (saved_ && ::tcgetpgrp(STDIN_FILENO) == ::getpgrp()) ::tcsetattr(STDIN_FILENO, TCSANOW, &*saved_);
  saved_.reset();
}

Result<std::unique_ptr<Controls>> Controls::watch(Progress progress, bool renounce) {
  const sigset_t set = watched();
  if (const int error = ::pthread_sigmask(SIG_BLOCK, &set, nullptr); error != 0) {
    return fail({.code = Errc::system, .operation = "pthread_sigmask", .sys = error});
  }
  Fd signals(::signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK));
  if (!signals) return fail({.code = Errc::system, .operation = "signalfd", .sys = errno});
  Fd wake(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!wake) return fail({.code = Errc::system, .operation = "eventfd", .sys = errno});
  return std::unique_ptr<Controls>(
      new Controls(std::move(progress), std::move(signals), std::move(wake), renounce));
}

Controls::Controls(Progress progress, Fd signals, Fd wake, bool renounce)
    : progress_(std::move(progress)),
      signals_(std::move(signals)),
      wake_(std::move(wake)),
      thread_([this, renounce] {
        if (renounce) renounce_capabilities();
        run();
      }) {}

Controls::~Controls() {
  {
    const std::lock_guard lock(mutex_);
    over_ = true;
  }
  ::eventfd_write(wake_.get(), 1);
  thread_.join();
}

void Controls::attend(pipeline::Capture& capture, std::vector<ManualSocket> sockets) {
  std::vector<pollfd> polled(kOwn + sockets.size());
  {
    const std::lock_guard lock(mutex_);
    capture_ = &capture;
    sockets_ = std::move(sockets);
    polled_next_.swap(polled);
  }
  ::eventfd_write(wake_.get(), 1);
}

// The lock is held but while it waits, and actions are short: attend() and the destructor wait for them.
void Controls::run() {
  std::unique_lock lock(mutex_);
  while (!over_) {
    if (!polled_next_.empty()) polled_ = std::exchange(polled_next_, {});
    const bool keys = keys_.is_on() && stdin_open_ && capture_ != nullptr;
    polled_[0] = {signals_.get(), POLLIN, 0};
    polled_[1] = {wake_.get(), POLLIN, 0};
    polled_[2] = {keys ? STDIN_FILENO : -1, POLLIN, 0};
    for (std::size_t i = kOwn; i < polled_.size(); ++i) polled_[i] = {sockets_[i - kOwn].fd(), POLLIN, 0};
    lock.unlock();
    ::poll(polled_.data(), polled_.size(), kTickMs);
    lock.lock();

    eventfd_t ignored = 0;
    if (polled_[1].revents != 0) ::eventfd_read(wake_.get(), &ignored);
    if (over_) break;
    if (polled_[0].revents != 0) on_signal();
    if (polled_[2].revents != 0) on_key();
    for (std::size_t i = kOwn; i < polled_.size(); ++i) {
      if (polled_[i].revents != 0) sockets_[i - kOwn].serve([this] { return capture_->fire_manual(); });
    }
    try {
      if (capture_ != nullptr) progress_(capture_->statistics());
    } catch (const std::bad_alloc&) {  // a line less; signals must be heard
    }
  }
}

void Controls::on_signal() {
  signalfd_siginfo info{};
  while (::read(signals_.get(), &info, sizeof info) == static_cast<ssize_t>(sizeof info)) {
    const int signal = static_cast<int>(info.ssi_signo);
    if (signal == SIGCONT) {
      keys_.leave();
      keys_.enter();  // the shell had the terminal meanwhile
    } else if (signal == SIGTSTP) {
      keys_.leave();
      if (capture_ != nullptr) {
        capture_->suspend();
      } else {
        ::raise(SIGSTOP);
      }
    } else if (stopping_ && signal == SIGTERM && std::chrono::steady_clock::now() - stopped_at_ < kTwins) {
      // timeout(1) and service managers send it to the process and to its group.
    } else if (capture_ == nullptr || stopping_ || signal == SIGQUIT) {
      end_at_once(signal);
    } else {
      stop(signal == SIGINT ? "interrupted" : signal == SIGTERM ? "terminated" : "hung up");
    }
  }
}

void Controls::on_key() {
  std::array<char, 64> keys{};
  const ssize_t count = ::read(STDIN_FILENO, keys.data(), keys.size());
  if (count == 0 || (count < 0 && errno != EINTR && errno != EAGAIN)) stdin_open_ = false;
  for (ssize_t i = 0; i < count; ++i) {
    const char key = keys[static_cast<std::size_t>(i)];
    if (key == ' ' || key == '\n' || key == '\r') capture_->fire_manual();
    if ((key == 'q' || key == 'Q' || key == 4) && !stopping_) stop("ended by the user");  // 4: Ctrl-D
  }
}

void Controls::stop(const char* why) {
  stopping_ = true;
  stopped_at_ = std::chrono::steady_clock::now();
  capture_->stop(why);
}

void Controls::end_at_once(int signal) {
  keys_.leave();
  say("\nvmitap: ended at once{}\n",
      capture_ != nullptr ? "; the capture is cut off, what was flushed can be read" : "");
  ::_exit(128 + signal);
}

}  // namespace vmitap::cli
