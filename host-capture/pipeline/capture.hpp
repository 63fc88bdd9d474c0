// SPDX-License-Identifier: MIT
// A running capture: guests, rules and a sink, and between them the stages
//   drain → snapshot → encode → sink
// each a thread, joined by lock-free queues. The pause window lies wholly inside snapshot.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "backend/guest.hpp"
#include "base/result.hpp"
#include "pipeline/packet_filter.hpp"
#include "pipeline/sink.hpp"
#include "vmitap/vmitap.pb.h"

namespace vmitap::pipeline {

struct Rule {
  std::string name;                   // of the channel; made from `on` if empty
  std::string on;                     // trigger name; empty: timer or manual only
  std::chrono::nanoseconds every{0};  // timer; 0: none
  std::vector<std::string> read;      // expressions; may be empty for triggers (their arguments)
  std::optional<Mode> mode;           // default: SYNC for triggers, PAUSED for timer and manual
  std::uint32_t sample = 1;           // one in so many fires of the trigger
  PacketFilter filter = {};           // of triggers that fire for packets; sample counts what passes
  std::uint32_t snap = 0;             // of such triggers: so many bytes of the packet (kPacketBytes)
};

struct Options {
  std::vector<Rule> rules;
  double pause_budget = 0.10;          // share of the guest's time, 0 to 1
  std::optional<std::uint64_t> count;  // end after so many records
  std::optional<std::chrono::nanoseconds> duration;
  std::chrono::microseconds sync_timeout{100'000};
  std::vector<std::string> debug_dirs;  // where separate debug files are looked for, first
  bool renounce = false;                // the stages' threads give up their capabilities
};

// A consistent enough picture of a running capture, for progress and tests.
struct Statistics {
  std::uint64_t records = 0;
  std::uint64_t lost = 0;
  std::uint64_t pauses = 0;
  std::chrono::nanoseconds paused{0};
  std::chrono::nanoseconds elapsed{0};
  std::uint64_t over_budget = 0;
  std::uint64_t sync_timeouts = 0;
  std::uint64_t bytes_written = 0;
  std::vector<GuestEnd> guests_ended = {};
};

// Thread rule: prepare(), begin(), wait(), and the destructor from one thread; the rest from any.
class Capture {
 public:
  // Attaches the guests, resolves the rules against their types. Of several guests one that cannot be listed
  // or attached, or has not what the rules ask for, is left out; the error is the first one's, if none is
  // left. On error nothing stays attached. `missing`: named by the user, too, and found not to be had
  // already.
  static Result<std::unique_ptr<Capture>> prepare(std::vector<std::unique_ptr<backend::Guest>> guests,
                                                  Options options, std::unique_ptr<Sink> sink,
                                                  std::map<std::string, Error> missing = {});
  // Starts the stages and arms the triggers; the output begins as soon as those of one guest are. Who cannot
  // be armed is left out. stop() and suspend() may come meanwhile. On error the capture is only to be
  // destroyed.
  Result<void> begin();
  ~Capture();  // stops if it still runs

  // The user's own trigger: every rule that needs no arguments. Returns how many rules fired.
  std::size_t fire_manual();
  [[nodiscard]] Statistics statistics() const;
  // Guests that are left out, and why. They stand among those that ended, too. After begin().
  [[nodiscard]] const std::map<std::string, Error>& left_out() const;
  // Guests that broke the rings' rules, and how it began. After wait().
  [[nodiscard]] const std::map<std::string, std::string>& broke_rules() const;
  // Guests whose new triggers could not be watched, and why at first. After wait().
  [[nodiscard]] const std::map<std::string, std::string>& not_watched() const;
  void stop(std::string_view why);  // async; async-signal-safe it is not
  // Stops this process as Ctrl-Z does, at a moment at which it keeps no guest paused. Returns when it goes
  // on.
  void suspend();
  // Until count, duration, stop() or the last guest's end. Drains what is under way, closes the sink.
  // The error is the first that ended the capture early (a full disk); records before it are kept.
  Result<Summary> wait();
  // As wait(), but returns nullopt if it still runs after `timeout`.
  std::optional<Result<Summary>> wait_for(std::chrono::milliseconds timeout);

 private:
  struct Impl;
  explicit Capture(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace vmitap::pipeline
