// SPDX-License-Identifier: MIT
// The person at a running capture: Ctrl-C and its like, keys, and `vmitap trigger` from elsewhere.
#pragma once

#include <poll.h>
#include <termios.h>

#include <chrono>
#include <functional>
#include <mutex>
#include <optional>
#include <thread>
#include <vector>

#include "base/handle.hpp"
#include "cli/manual_socket.hpp"
#include "pipeline/capture.hpp"

namespace vmitap::cli {

// stdin's terminal, so that keys come at once and unseen; signals are still made of Ctrl-C. Gives back
// what it found. Does nothing if stdin is no terminal or this process stands in its background.
class KeyMode {
 public:
  KeyMode() { enter(); }
  KeyMode(const KeyMode&) = delete;
  KeyMode& operator=(const KeyMode&) = delete;
  ~KeyMode() { leave(); }
  void enter() noexcept;
  void leave() noexcept;  // async-signal-safe
  [[nodiscard]] bool is_on() const noexcept { return saved_.has_value(); }

 private:
  std::optional<termios> saved_;
};

// Made before the threads of a capture: it blocks SIGINT, SIGTERM, SIGHUP, SIGQUIT and SIGCONT in the
// calling thread and in those it starts, and takes them on a thread of its own. The first of them ends
// the capture well; a second one, or one before attend(), ends the process at once.
class Controls {
 public:
  // `progress` is called some times a second while a capture runs. `renounce`: the thread gives up its
  // capabilities.
  using Progress = std::function<void(const pipeline::Statistics&)>;
  static Result<std::unique_ptr<Controls>> watch(Progress progress, bool renounce);
  Controls(const Controls&) = delete;
  Controls& operator=(const Controls&) = delete;
  ~Controls();  // the capture is left alone from then on

  // From now on they act on this capture, which must outlive this; `sockets`: of its guests. May be called
  // anew.
  void attend(pipeline::Capture& capture, std::vector<ManualSocket> sockets);
  [[nodiscard]] bool has_keys() const noexcept { return keys_.is_on(); }

 private:
  Controls(Progress progress, Fd signals, Fd wake, bool renounce);
  void run();
  void on_signal();
  void on_key();
  void stop(const char* why);
  [[noreturn]] void end_at_once(int signal);

  static constexpr std::size_t kOwn = 3;  // signals, news, keys; then the sockets

  Progress progress_;
  KeyMode keys_;
  Fd signals_;
  Fd wake_;  // eventfd: attend() or the destructor has news
  std::mutex mutex_;
  pipeline::Capture* capture_ = nullptr;
  std::vector<ManualSocket> sockets_;
  std::vector<pollfd> polled_next_;  // room for them
  bool over_ = false;
  std::chrono::steady_clock::time_point stopped_at_;
  std::vector<pollfd> polled_ = std::vector<pollfd>(kOwn);
  bool stopping_ = false;  // of run()'s thread alone, as the next
  bool stdin_open_ = true;
  std::thread thread_;
};

}  // namespace vmitap::cli
