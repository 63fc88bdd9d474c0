// SPDX-License-Identifier: MIT
// What a trigger costs the thread that fires it. Guest and host are this one process: the host is a thread
// that drains. Each round fires fewer records than a ring holds and waits, untimed, until they are drained,
// so that a slow host is not measured as a fast guest that drops. The peers: the loop without a trigger in
// it, and what programs use to tell another process something, a write(2) to a pipe and to an eventfd.
#include <benchmark/benchmark.h>
#include <fcntl.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <chrono>
#include <cstdlib>
#include <iostream>
#include <string>
#include <thread>

#include "backend/guest.hpp"
#include "base/handle.hpp"
#include "fire_guest.h"
#include "vmitap/ring_consumer.hpp"

namespace {

constexpr std::uint64_t kRound = 256;

class Host {
 public:
  Host() {
    auto opened = vmitap::backend::open_guest("local:" + std::to_string(getpid()));
    if (!opened) fail("cannot open this process as a guest");
    guest_ = std::move(*opened);
    if (!guest_->attach()) fail("cannot attach");
    const auto channel = guest_->channel();
    auto consumer = vmitap::ring::Consumer::open(channel.guest_region, channel.host_region);
    if (std::holds_alternative<vmitap::ring::OpenError>(consumer)) fail("cannot open the rings");
    auto catalog = guest_->list();
    if (!catalog) fail("cannot list");
    catalog_ = std::move(*catalog);
    thread_ = std::jthread([this, consumer = std::get<vmitap::ring::Consumer>(std::move(consumer))](
                               const std::stop_token& stop) mutable {
      while (!stop.stop_requested()) {
        const std::size_t count = consumer.drain(1024, [](const vmitap::ring::Record&) {});
        drained_.fetch_add(count, std::memory_order_release);
        if (count == 0) std::this_thread::yield();
      }
    });
  }

  void arm(const std::string& trigger, std::vector<vmitap_fetch> fetches) {
    vmitap::backend::ArmRequest request;
    request.trigger = site(trigger).id;
    request.inline_fetches = std::move(fetches);
    if (!guest_->arm(request)) fail("cannot arm");
  }
  void disarm(const std::string& trigger) {
    if (!guest_->disarm(site(trigger).id)) fail("cannot disarm");
  }
  [[nodiscard]] const vmitap::backend::GuestSite& site(const std::string& name) const {
    for (const auto& site : catalog_.sites)
      if (site.name == name) return site;
    fail("no such site");
  }
  [[nodiscard]] std::uint64_t drained() const { return drained_.load(std::memory_order_acquire); }

 private:
  [[noreturn]] static void fail(const char* what) {
    std::cerr << "bench_fire: " << what << '\n';
    std::exit(1);
  }

  std::unique_ptr<vmitap::backend::Guest> guest_;
  vmitap::backend::GuestCatalog catalog_;
  std::atomic<std::uint64_t> drained_ = 0;
  std::jthread thread_;
};

Host& host() {
  static Host only;
  return only;
}

// Seconds of one fire.
void report(benchmark::State& state) {
  state.counters["fire"] =
      benchmark::Counter(static_cast<double>(kRound) * static_cast<double>(state.iterations()),
                         benchmark::Counter::kIsRate | benchmark::Counter::kInvert);
}

void disabled(benchmark::State& state) {
  for ([[maybe_unused]] auto _ : state) fire_never(kRound);
  report(state);
}

void empty_loop(benchmark::State& state) {
  for ([[maybe_unused]] auto _ : state) fire_nothing(kRound);
  report(state);
}

void rounds(benchmark::State& state, const std::string& trigger, void (*fire)(std::uint64_t),
            std::vector<vmitap_fetch> fetches) {
  host().arm(trigger, std::move(fetches));
  std::uint64_t expected = host().drained();
  for ([[maybe_unused]] auto _ : state) {
    const auto begin = std::chrono::steady_clock::now();
    fire(kRound);
    const auto end = std::chrono::steady_clock::now();
    state.SetIterationTime(std::chrono::duration<double>(end - begin).count());
    expected += kRound;
    while (host().drained() < expected) std::this_thread::yield();
  }
  host().disarm(trigger);
  report(state);
}

// A round into a descriptor, and its emptying untimed. What a trigger with two arguments tells: time, site,
// thread, arguments.
template <std::size_t kSize>
void write_each(benchmark::State& state, int to, int from) {
  const std::array<std::uint64_t, kSize / sizeof(std::uint64_t)> record{1};
  std::array<std::byte, kRound * kSize> taken;
  for ([[maybe_unused]] auto _ : state) {
    const auto begin = std::chrono::steady_clock::now();
    for (std::uint64_t i = 0; i < kRound; ++i)
      if (::write(to, record.data(), kSize) != kSize) state.SkipWithError("write");
    const auto end = std::chrono::steady_clock::now();
    state.SetIterationTime(std::chrono::duration<double>(end - begin).count());
    if (::read(from, taken.data(), taken.size()) <= 0) state.SkipWithError("read");
  }
  report(state);
}

void write_pipe(benchmark::State& state) {
  std::array<int, 2> ends;
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) return state.SkipWithError("pipe");
  const vmitap::Fd from(ends[0]), to(ends[1]);
  write_each<32>(state, to.get(), from.get());
}

void write_eventfd(benchmark::State& state) {
  const vmitap::Fd counter(::eventfd(0, EFD_CLOEXEC));
  write_each<8>(state, counter.get(), counter.get());
}

void bare(benchmark::State& state) { rounds(state, "bare", fire_bare, {}); }

void two_arguments(benchmark::State& state) { rounds(state, "two", fire_two, {}); }

void inline_marks(benchmark::State& state) {
  const auto marked = host().site("marked").variable.value;
  std::vector<vmitap_fetch> fetches(static_cast<std::size_t>(state.range(0)));
  for (std::size_t i = 0; i < fetches.size(); ++i) {
    fetches[i].base = VMITAP_FETCH_ADDRESS;
    fetches[i].origin = marked + 4 * i;
    fetches[i].size = 4;
  }
  rounds(state, "pointer", fire_pointer, std::move(fetches));
}

void inline_pointer(benchmark::State& state) {
  std::vector<vmitap_fetch> fetches(static_cast<std::size_t>(state.range(0)));
  for (std::size_t i = 0; i < fetches.size(); ++i) {
    fetches[i].base = VMITAP_FETCH_ARGUMENT;
    fetches[i].hops = 1;
    fetches[i].add[0] = static_cast<std::int64_t>(4 * i);
    fetches[i].size = 4;
  }
  rounds(state, "pointer", fire_pointer, std::move(fetches));
}

BENCHMARK(empty_loop);
BENCHMARK(disabled);
BENCHMARK(write_pipe)->UseManualTime();
BENCHMARK(write_eventfd)->UseManualTime();
BENCHMARK(bare)->UseManualTime();
BENCHMARK(two_arguments)->UseManualTime();
BENCHMARK(inline_marks)->Arg(1)->Arg(8)->UseManualTime();
BENCHMARK(inline_pointer)->Arg(1)->Arg(8)->UseManualTime();

}  // namespace

BENCHMARK_MAIN();
