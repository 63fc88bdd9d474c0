// SPDX-License-Identifier: MIT
// The first stage: collects what the guests' rings hold, the timers' ticks and the user's own triggers
// into batches. The only thread that looks at rings and doorbells; it waits for no guest.
#pragma once

#include <atomic>
#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <tuple>
#include <vector>

#include "backend/guest.hpp"
#include "base/handle.hpp"
#include "pipeline/control.hpp"
#include "pipeline/counters.hpp"
#include "pipeline/messages.hpp"
#include "pipeline/rules.hpp"
#include "pipeline/stage_queue.hpp"
#include "vmitap/ring_consumer.hpp"

namespace vmitap::pipeline {

struct DrainGuest {
  backend::Guest* guest = nullptr;
  ring::Consumer* consumer = nullptr;
  Plans* plans = nullptr;
  Control* control = nullptr;
  std::string name;  // as losses name it
  backend::ClockMap clock;
  // Of one that has ended: how many records its rings may still bring.
  std::optional<std::size_t> last_words = {};
  bool gone = false;  // nothing more comes
  bool disarmed = false;
  std::optional<std::size_t> allowance = {};  // at the end: how many records more it may bring
  // Of its plans: what is announced, and armed.
  std::size_t objects = 0;
  std::size_t rules = 0;
  std::size_t sites = 0;
};

class Drain {
 public:
  static Result<std::unique_ptr<Drain>> make(std::vector<DrainGuest> guests, const Options& options,
                                             ChannelId next_channel, StageQueue<Batch>& to_snapshot,
                                             Counters& counters);

  // Until stop(), or until the last guest is gone. Then hands on one batch with `last` set. Returns why it
  // ended by itself, empty if it was stopped.
  std::string run();
  // After run() threw: hands on that last batch, and what the rings held is lost.
  void give_up() noexcept;

  // Who drives the control conversations; before run(). In the order of the guests.
  void take_controls(const std::vector<std::unique_ptr<Control>>& controls);

  // Told of each guest that ends, on the thread of run(); before run().
  using OnEnd = std::function<void(GuestEnd)>;
  void tell_ends(OnEnd on_end) { on_end_ = std::move(on_end); }

  // Any thread.
  void stop() noexcept;
  void fire_manual() noexcept;
  void on_news() noexcept;  // of a guest's Control

 private:
  using Clock = std::chrono::steady_clock;

  struct Timer {
    std::size_t rule;
    std::chrono::nanoseconds every;
    Clock::time_point due;
  };

  Drain(std::vector<DrainGuest> guests, const Options& options, ChannelId next_channel,
        StageQueue<Batch>& to_snapshot, Counters& counters)
      : guests_(std::move(guests)),
        options_(options),
        next_channel_(next_channel),
        to_snapshot_(to_snapshot),
        counters_(counters) {}

  bool collect(Batch& batch);
  std::size_t drain_rings(Batch& batch);
  void tick(Batch& batch, Clock::time_point now);
  void fire_by_hand(Batch& batch);
  void fire(Batch& batch, std::uint32_t guest, const SitePlan& site);
  void housekeeping(Batch& batch, Clock::time_point now);
  void collect_losses(Batch& batch);
  void lose(std::uint32_t guest, Loss::Reason reason, std::uint64_t count, std::uint32_t ring = 0,
            std::string detail = {});
  void sleep(Clock::time_point now);
  void hear();
  void bury(Batch& batch, std::uint32_t guest);
  static bool has_records(DrainGuest& guest);
  bool all_quiet();
  std::unique_ptr<Batch> empty_batch();
  void lose_new_triggers(std::uint32_t guest, const Error& why);
  bool plan_new_sites(Batch& batch, std::uint32_t guest);
  void wake() noexcept;
  void disarm_all(std::unique_ptr<Batch>& batch);
  bool hand_on(std::unique_ptr<Batch>& batch);
  void finish();

  std::vector<DrainGuest> guests_;
  const Options& options_;
  ChannelId next_channel_;
  StageQueue<Batch>& to_snapshot_;
  std::unique_ptr<Batch> spare_;  // taken, and still empty
  Counters& counters_;
  std::vector<Timer> timers_;
  Fd epoll_;
  Fd timer_;
  Fd wake_;
  std::atomic<bool> stopping_{false};
  std::atomic<std::uint32_t> manual_{0};
  std::atomic<bool> has_news_{false};
  bool is_planning_ = false;  // for some guest
  OnEnd on_end_;
  Clock::time_point busy_;
  Clock::time_point housekept_;
  std::string ended_by_;
  // By guest, reason, ring and detail: one message for what is lost in one place between two looks, however
  // much that is.
  std::map<std::tuple<std::uint32_t, Loss::Reason, std::uint32_t, std::string>, Loss> pending_losses_;
  std::vector<ring::Consumer::Loss> losses_;
  std::vector<ring::Consumer::Latched> latched_;
};

}  // namespace vmitap::pipeline
