// SPDX-License-Identifier: MIT
// Reads on behalf of a thread that keeps the guest paused and must not be held up. A read waits without
// bound where the guest itself has to bring the page (userfaultfd, a FUSE mount that it serves), and a guest
// that is paused never will; nothing but the end of the process that reads interrupts such a wait.
#pragma once

#include <chrono>
#include <semaphore>
#include <span>
#include <thread>

#include "backend/local/memory_reader.hpp"

namespace vmitap::backend::local {

// read() and finish() from one thread.
class WindowReader {
 public:
  // `pidfd` refers to the process and outlives the reader.
  WindowReader(pid_t pid, int pidfd) : reader_(pid, pidfd), thread_([this] { run(); }) {}
  ~WindowReader();
  WindowReader(const WindowReader&) = delete;
  WindowReader& operator=(const WindowReader&) = delete;

  // False: not done yet, and the requests are still being filled. finish() must follow, once the guest runs.
  [[nodiscard]] bool read(std::span<ReadRequest> requests, std::chrono::nanoseconds patience);
  void finish();

 private:
  void run();

  MemoryReader reader_;
  std::span<ReadRequest> requests_;
  bool over_ = false;
  // They hand requests_ over, there and back.
  std::binary_semaphore asked_{0};
  std::binary_semaphore done_{0};
  std::thread thread_;
};

}  // namespace vmitap::backend::local
