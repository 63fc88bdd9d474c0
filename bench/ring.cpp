// SPDX-License-Identifier: MIT
// What a record costs its producer, how fast records flow from one core to another, and how soon the
// other core sees one. The peers: moodycamel::ConcurrentQueue with records of the same size, bounded as the
// ring is, and as the floor a bare cache line that travels there and back.
#include <benchmark/benchmark.h>
#include <concurrentqueue/concurrentqueue.h>

#include <array>
#include <atomic>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <new>
#include <thread>
#include <vector>

#include "vmitap/ring_consumer.hpp"
#include "vmitap/ring_producer.h"

#if defined(__x86_64__)
#include <x86intrin.h>
#else
#include <chrono>
#endif

namespace {

using vmitap::ring::Consumer;
using vmitap::ring::Record;

constexpr std::uint32_t kSlots = 1024;

std::uint64_t ticks() {
#if defined(__x86_64__)
  return __rdtsc();
#else
  return static_cast<std::uint64_t>(std::chrono::steady_clock::now().time_since_epoch().count());
#endif
}

// Waits for the other thread; also for one that has no core at the moment.
class Spin {
 public:
  void once() {
    if (++spins_ % 64 == 0)
      std::this_thread::yield();
    else
      vmitap_cpu_relax();
  }

 private:
  std::uint32_t spins_ = 0;
};

class Pages {
 public:
  explicit Pages(std::size_t size)
      : start_(static_cast<std::byte*>(std::aligned_alloc(VMITAP_PAGE_SIZE, size))), size_(size) {
    if (start_ == nullptr) throw std::bad_alloc();
    std::memset(start_, 0, size);
  }
  Pages(const Pages&) = delete;
  Pages& operator=(const Pages&) = delete;
  ~Pages() { std::free(start_); }
  [[nodiscard]] std::span<std::byte> bytes() const { return {start_, size_}; }

 private:
  std::byte* start_;
  std::size_t size_;
};

vmitap_guest_header layout() {
  vmitap_guest_header header;
  vmitap_guest_layout(&header, 1, kSlots, VMITAP_CLOCK_TSC);
  return header;
}

// One ring, its producer and its consumer.
struct Ring {
  vmitap_guest_header header = layout();
  Pages guest{header.region_size};
  Pages host{vmitap_host_region_size(1)};
  alignas(64) vmitap_producer producer{};
  Consumer consumer = offer_and_open();

 private:
  Consumer offer_and_open() {
    std::memcpy(guest.bytes().data(), &header, sizeof header);
    vmitap_producer_init(&producer, &header, guest.bytes().data(), host.bytes().data(), 0);
    return std::get<Consumer>(Consumer::open(guest.bytes(), host.bytes()));
  }
};

template <std::size_t kSize>
bool push(vmitap_producer& producer, const std::array<std::byte, kSize>& payload, std::uint64_t when) {
  vmitap_record record;
  if (!vmitap_reserve(&producer, &record, kSize)) return false;
  vmitap_write(&record, payload.data(), kSize);
  benchmark::DoNotOptimize(vmitap_commit(&record, 1, 0, when));
  return true;
}

// The producer's own cost: a host that frees the ring without touching a slot.
template <std::size_t kSize, bool kTimestamp>
void push_alone(benchmark::State& state) {
  Ring ring;
  std::array<std::byte, kSize> payload{};
  std::uint32_t until_full = kSlots / 16;
  for ([[maybe_unused]] auto _ : state) {
    if (--until_full == 0) {
      until_full = kSlots / 16;
      ring.producer.control->tail = ring.producer.state->head;
    }
    benchmark::DoNotOptimize(payload);
    if (!push(ring.producer, payload, kTimestamp ? ticks() : 0)) state.SkipWithError("the ring is full");
  }
  state.SetItemsProcessed(static_cast<std::int64_t>(state.iterations()));
}
BENCHMARK(push_alone<16, false>)->Name("push/16B/no timestamp");
BENCHMARK(push_alone<16, true>)->Name("push/16B/tsc");
BENCHMARK(push_alone<40, true>)->Name("push/40B/tsc");
BENCHMARK(push_alone<100, true>)->Name("push/100B: 2 slots/tsc");
BENCHMARK(push_alone<300, true>)->Name("push/300B: 6 slots/tsc");

// What the peers carry: as much as a slot tells beside its payload.
template <std::size_t kSize>
struct QueueRecord {
  std::uint64_t when;
  std::uint32_t trigger;
  std::array<std::byte, kSize> payload;
};

template <std::size_t kSize>
struct Queue {
  // As many records as the ring takes.
  static constexpr std::size_t kCapacity =
      kSlots / (kSize <= VMITAP_FIRST_PAYLOAD
                    ? 1
                    : 1 + (kSize - VMITAP_FIRST_PAYLOAD + VMITAP_NEXT_PAYLOAD - 1) / VMITAP_NEXT_PAYLOAD);
  moodycamel::ConcurrentQueue<QueueRecord<kSize>> queue{kCapacity};
  moodycamel::ProducerToken producer{queue};
  moodycamel::ConsumerToken consumer{queue};

  bool push(const std::array<std::byte, kSize>& payload, std::uint64_t when) {
    return queue.try_enqueue(producer, {when, 1, payload});
  }
};

template <std::size_t kSize>
void queue_push_alone(benchmark::State& state) {
  Queue<kSize> queue;
  std::array<std::byte, kSize> payload{};
  std::vector<QueueRecord<kSize>> taken(kSlots / 16);
  std::uint32_t until_full = kSlots / 16;
  for ([[maybe_unused]] auto _ : state) {
    if (--until_full == 0) {
      until_full = kSlots / 16;
      queue.queue.try_dequeue_bulk(queue.consumer, taken.data(), taken.size());
    }
    benchmark::DoNotOptimize(payload);
    if (!queue.push(payload, ticks())) state.SkipWithError("the queue is full");
  }
  state.SetItemsProcessed(static_cast<std::int64_t>(state.iterations()));
}
BENCHMARK(queue_push_alone<16>)->Name("push and take/16B/tsc, moodycamel");

// Fires, with a timestamp, as one thread fires into a ring that the host drains at the same time.
template <std::size_t kSize>
void stream(benchmark::State& state) {
  Ring ring;
  std::atomic<bool> done{false};
  std::uint64_t drained = 0;
  std::thread host([&] {
    Spin spin;
    for (bool last = false; !last;) {
      last = done.load(std::memory_order_acquire);
      while (ring.consumer.drain(1024, [&](const Record& record) {
        benchmark::DoNotOptimize(record.payload.data());
        ++drained;
      }) > 0) {
      }
      spin.once();
    }
  });
  const std::array<std::byte, kSize> payload{};
  std::uint64_t full = 0;
  Spin spin;
  for ([[maybe_unused]] auto _ : state) {
    while (!push(ring.producer, payload, ticks())) {
      ++full;
      spin.once();
    }
  }
  done.store(true, std::memory_order_release);
  host.join();
  if (drained != static_cast<std::uint64_t>(state.iterations())) state.SkipWithError("records went missing");
  state.SetItemsProcessed(static_cast<std::int64_t>(state.iterations()));
  state.counters["full"] = benchmark::Counter(static_cast<double>(full), benchmark::Counter::kAvgIterations);
}
BENCHMARK(stream<16>)->Name("push+drain, two threads/16B")->UseRealTime();
BENCHMARK(stream<300>)->Name("push+drain, two threads/300B: 6 slots")->UseRealTime();

template <std::size_t kSize>
void queue_stream(benchmark::State& state) {
  Queue<kSize> queue;
  std::atomic<bool> done{false};
  std::uint64_t drained = 0;
  std::thread host([&] {
    std::vector<QueueRecord<kSize>> taken(1024);
    Spin spin;
    for (bool last = false; !last;) {
      last = done.load(std::memory_order_acquire);
      while (const std::size_t count =
                 queue.queue.try_dequeue_bulk(queue.consumer, taken.data(), taken.size())) {
        for (std::size_t i = 0; i < count; ++i) benchmark::DoNotOptimize(taken[i].payload.data());
        drained += count;
      }
      spin.once();
    }
  });
  const std::array<std::byte, kSize> payload{};
  std::uint64_t full = 0;
  Spin spin;
  for ([[maybe_unused]] auto _ : state) {
    while (!queue.push(payload, ticks())) {
      ++full;
      spin.once();
    }
  }
  done.store(true, std::memory_order_release);
  host.join();
  if (drained != static_cast<std::uint64_t>(state.iterations())) state.SkipWithError("records went missing");
  state.SetItemsProcessed(static_cast<std::int64_t>(state.iterations()));
  state.counters["full"] = benchmark::Counter(static_cast<double>(full), benchmark::Counter::kAvgIterations);
}
BENCHMARK(queue_stream<16>)->Name("push+drain, two threads/16B, moodycamel")->UseRealTime();
BENCHMARK(queue_stream<300>)->Name("push+drain, two threads/300B, moodycamel")->UseRealTime();

// The consumer alone: records that stand in its own cache.
template <std::size_t kSize>
void drain_alone(benchmark::State& state) {
  constexpr std::size_t kBatch = 64;
  Ring ring;
  const std::array<std::byte, kSize> payload{};
  std::uint64_t sum = 0;
  for ([[maybe_unused]] auto _ : state) {
    for (std::size_t i = 0; i < kBatch; ++i) push(ring.producer, payload, 0);
    ring.consumer.drain(kBatch, [&](const Record& record) { sum += record.trigger + record.payload.size(); });
  }
  benchmark::DoNotOptimize(sum);
  state.SetItemsProcessed(static_cast<std::int64_t>(state.iterations()) * std::int64_t{kBatch});
}
BENCHMARK(drain_alone<16>)->Name("push+drain, one thread/16B, 64 at a time");

// A record there and one back.
void ring_round_trip(benchmark::State& state) {
  Ring there;
  Ring back;
  std::atomic<bool> done{false};
  std::thread other([&] {
    const std::array<std::byte, 16> payload{};
    Spin spin;
    while (!done.load(std::memory_order_relaxed)) {
      there.consumer.drain(1, [&](const Record&) { push(back.producer, payload, 0); });
      spin.once();
    }
  });
  const std::array<std::byte, 16> payload{};
  Spin spin;
  for ([[maybe_unused]] auto _ : state) {
    push(there.producer, payload, 0);
    while (back.consumer.drain(
               1, [](const Record& record) { benchmark::DoNotOptimize(record.payload.data()); }) == 0)
      spin.once();
  }
  done = true;
  other.join();
}

struct alignas(VMITAP_SLOT_SIZE) Line {
  std::atomic<std::uint64_t> value{0};
};

// The floor: a line there and another one back.
void line_round_trip(benchmark::State& state) {
  Line there;
  Line back;
  std::thread other([&] {
    Spin spin;
    for (std::uint64_t next = 1;; ++next) {
      std::uint64_t seen = 0;
      while ((seen = there.value.load(std::memory_order_acquire)) < next) spin.once();
      if (seen == UINT64_MAX) return;
      back.value.store(next, std::memory_order_release);
    }
  });
  std::uint64_t next = 0;
  Spin spin;
  for ([[maybe_unused]] auto _ : state) {
    there.value.store(++next, std::memory_order_release);
    while (back.value.load(std::memory_order_acquire) != next) spin.once();
  }
  there.value.store(UINT64_MAX, std::memory_order_release);
  other.join();
}
BENCHMARK(line_round_trip)->Name("round trip/bare cache line")->UseRealTime();
BENCHMARK(ring_round_trip)->Name("round trip/ring")->UseRealTime();

}  // namespace
