// SPDX-License-Identifier: MIT
// One guest's control conversation, on a thread of its own: who answers late, or never, or has something new
// to say all the time, holds up neither the rings nor the other guests.
#pragma once

#include <concurrentqueue/concurrentqueue.h>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <thread>
#include <unordered_set>
#include <variant>
#include <vector>

#include "backend/guest.hpp"
#include "base/handle.hpp"
#include "base/result.hpp"
#include "pipeline/capture.hpp"
#include "pipeline/rules.hpp"

namespace vmitap::pipeline {

// What all triggers of a guest may take to be switched on: it may offer thousands, and answer just in time
// for each.
inline constexpr std::chrono::seconds kArming{20};

class Control {
 public:
  struct Gone {};
  struct Disarmed {};
  using Refused = Error;  // what could not be listed or armed
  using News = std::variant<Gone, Listing, Refused, Disarmed>;

  // on_news is called from the control thread: there is something for next().
  static Result<std::unique_ptr<Control>> start(backend::Guest& guest, const Options& options,
                                                std::unordered_set<std::uint32_t> known_modules,
                                                std::function<void()> on_news);
  Control(const Control&) = delete;
  Control& operator=(const Control&) = delete;
  // Waits for what is under way: as long as the guest may take for one answer.
  ~Control();

  // Any thread. From now on it is heard what the guest says by itself.
  void listen() noexcept;
  // The drain thread's. Requests are carried out one after the other.
  void arm(std::vector<backend::ArmRequest> requests);
  void disarm(std::vector<TriggerId> triggers);  // the last request; Disarmed says that it is over
  // While it is not called the guest is not looked at again: what it offers may be large.
  std::optional<News> next();

 private:
  using Clock = std::chrono::steady_clock;
  using Request = std::variant<std::vector<backend::ArmRequest>, std::vector<TriggerId>>;

  Control(backend::Guest& guest, const Options& options, std::unordered_set<std::uint32_t> known_modules,
          std::function<void()> on_news)
      : guest_(guest),
        options_(options),
        known_modules_(std::move(known_modules)),
        on_news_(std::move(on_news)) {}
  void run(const std::stop_token& stopped);
  void wait(bool listens);
  void serve(const std::stop_token& stopped);
  Result<void> arm_all(const std::vector<backend::ArmRequest>& requests, const std::stop_token& stopped);
  void hear();
  void look(const std::stop_token& stopped);
  void tell(News news);
  void wake() noexcept;

  backend::Guest& guest_;
  const Options& options_;
  std::unordered_set<std::uint32_t> known_modules_;
  std::function<void()> on_news_;
  moodycamel::ConcurrentQueue<Request> requests_;
  moodycamel::ConcurrentQueue<News> news_;
  Fd wake_;                             // eventfd
  std::atomic<std::size_t> unread_{0};  // of news_
  std::atomic<bool> listening_{false};
  bool ended_ = false;   // gone, or disarmed: nothing more is heard
  bool is_new_ = false;  // what the guest offers has changed
  Clock::time_point look_again_;
  Clock::time_point heard_nothing_;
  std::jthread thread_;
};

}  // namespace vmitap::pipeline
