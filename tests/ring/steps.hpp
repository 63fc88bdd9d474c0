// SPDX-License-Identifier: MIT
// Lets a test come in at every step of the real producer: as the host on another CPU, or as a signal
// handler on the producer's own. Include before anything of vmitap/.
#pragma once

#include <functional>
#include <utility>
#include <vector>

enum VmitapStep {
  VMITAP_STEP_HEAD_LOADED,
  VMITAP_STEP_TAIL_LOADED,
  VMITAP_STEP_COUNTER_LOADED,
  VMITAP_STEP_RESERVED,
  VMITAP_STEP_LOST_LOADED,
  VMITAP_STEP_WRITTEN,
  VMITAP_STEP_PUBLISHED,
  VMITAP_STEP_ARMED_LOADED,
  VMITAP_STEP_BIT_SET,
  VMITAP_STEP_AWAKE,
};

namespace vmitap::ring::test {

// Called at each step; what it calls in turn runs as one with the step it interrupts.
inline std::function<void(VmitapStep)> on_step;

inline void take_step(VmitapStep step) {
  if (on_step) on_step(step);
}

// Runs `body` and, between its steps, the actions: actions[i] when as many steps as at[i] are done.
// Those that are due later than the last step run after it. Returns the number of steps.
inline int run_with(const std::function<void()>& body,
                    std::vector<std::pair<int, std::function<void()>>> actions) {
  int steps = 0;
  std::size_t next = 0;
  const auto run_due = [&] {
    while (next < actions.size() && actions[next].first <= steps) {
      // Steps of what the action itself produces are not ours.
      auto outer = std::exchange(on_step, nullptr);
      actions[next++].second();
      on_step = std::move(outer);
    }
  };
  run_due();
  on_step = [&](VmitapStep) {
    ++steps;
    run_due();
  };
  body();
  on_step = nullptr;
  steps += 1'000'000;
  run_due();
  return steps - 1'000'000;
}

}  // namespace vmitap::ring::test

#define VMITAP_RING_STEP(step) vmitap::ring::test::take_step(step)
