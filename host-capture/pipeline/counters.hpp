// SPDX-License-Identifier: MIT
// What the stages count while they run. Relaxed: each number is right by itself, the set is a picture.
#pragma once

#include <atomic>
#include <cstdint>

namespace vmitap::pipeline {

struct Counters {
  std::atomic<std::uint64_t> records{0};
  std::atomic<std::uint64_t> lost{0};
  std::atomic<std::uint64_t> pauses{0};
  std::atomic<std::uint64_t> paused_ns{0};
  std::atomic<std::uint64_t> over_budget{0};
  std::atomic<std::uint64_t> sync_timeouts{0};
  std::atomic<std::uint64_t> pause_failures{0};
  std::atomic<std::uint64_t> bytes_written{0};
};

inline void add(std::atomic<std::uint64_t>& counter, std::uint64_t amount) {
  counter.fetch_add(amount, std::memory_order_relaxed);
}

}  // namespace vmitap::pipeline
