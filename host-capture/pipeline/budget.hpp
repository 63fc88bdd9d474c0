// SPDX-License-Identifier: MIT
// How much of a guest's time pauses may take: a token bucket that fills with share × elapsed time and
// holds at most what share of a tenth of a second is. It begins empty, so that the whole of the pauses is
// never more than the share of the time that passed and the one pause that took what was left. One thread.
#pragma once

#include <algorithm>
#include <chrono>

namespace vmitap::pipeline {

class PauseBudget {
 public:
  using Clock = std::chrono::steady_clock;

  explicit PauseBudget(double share, Clock::time_point now = Clock::now())
      : share_(share), capacity_(share * 1e8), filled_(now) {}

  // A pause may begin: what the last ones took on average is there.
  [[nodiscard]] bool allows(Clock::time_point now) {
    if (share_ >= 1.0) return true;
    if (share_ <= 0) return false;
    const double elapsed = std::chrono::duration<double, std::nano>(now - filled_).count();
    tokens_ = std::min(capacity_, tokens_ + elapsed * share_);
    filled_ = now;
    return tokens_ >= std::min(expected_, capacity_);
  }
  // What a pause took. The bucket may go below empty: the next ones wait for that.
  void spend(std::chrono::nanoseconds pause) {
    const auto taken = static_cast<double>(pause.count());
    tokens_ -= taken;
    expected_ += (taken - expected_) / 8;
  }

 private:
  double share_;
  double capacity_;  // ns
  double tokens_ = 0;
  double expected_ = 0;
  Clock::time_point filled_;
};

}  // namespace vmitap::pipeline
