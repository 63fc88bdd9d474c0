// SPDX-License-Identifier: MIT
#include "cli/patience.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <chrono>
#include <utility>

#include "cli/say.hpp"
#include "cli/terminal.hpp"

namespace vmitap::cli {

Patience::Patience(std::string what) {
  if (!is_terminal(STDERR_FILENO)) return;
  thread_ = std::thread([this, text = std::move(what)] {
    using namespace std::chrono_literals;
    std::unique_lock lock(mutex_);
    if (over_.wait_for(lock, 1s, [this] { return is_over_; })) return;
    say("{} …", text);
    over_.wait(lock, [this] { return is_over_; });
    say("\r\033[K");
  });
}

Patience::~Patience() {
  if (!thread_.joinable()) return;
  {
    const std::lock_guard lock(mutex_);
    is_over_ = true;
  }
  over_.notify_one();
  thread_.join();
}

}  // namespace vmitap::cli
