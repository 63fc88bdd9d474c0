// SPDX-License-Identifier: MIT
// Threads and processes against one consumer, with the real fence and the real doorbell. Every record
// is numbered, and in the end produced = consumed + dropped.
#include <gtest/gtest.h>
#include <linux/membarrier.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <thread>

#include "region.hpp"

namespace vmitap::ring::test {
namespace {

long membarrier(int command) { return ::syscall(SYS_membarrier, command, 0, 0); }

// Lets others run. A sleeper gets its core back soon; one that yields on a busy machine does not.
void breathe() { std::this_thread::sleep_for(std::chrono::microseconds(20)); }

class Doorbell {
 public:
  Doorbell() : fd_(::eventfd(0, EFD_NONBLOCK)) {}
  Doorbell(const Doorbell&) = delete;
  Doorbell& operator=(const Doorbell&) = delete;
  ~Doorbell() { ::close(fd_); }
  void ring() const { EXPECT_EQ(::eventfd_write(fd_, 1), 0); }
  // False: nobody rang for so long that nobody will.
  [[nodiscard]] bool wait() const {
    pollfd poll{.fd = fd_, .events = POLLIN, .revents = 0};
    if (::poll(&poll, 1, 30'000) != 1) return false;
    eventfd_t count;
    return ::eventfd_read(fd_, &count) == 0;
  }

 private:
  int fd_;
};

// A payload of varying size that holds its number in every word.
std::vector<std::uint64_t> numbered(std::uint64_t number) {
  return std::vector<std::uint64_t>(1 + number % 30, number);
}

bool is_numbered(const Record& record, std::uint64_t& number) {
  std::vector<std::uint64_t> words(record.payload.size() / 8);
  std::memcpy(words.data(), record.payload.data(), words.size() * 8);
  if (words.empty()) return false;
  number = words[0];
  return words == numbered(number);
}

struct Received {
  explicit Received(std::size_t rings) : next(rings) {}
  void operator()(const Record& record) {
    std::uint64_t number = 0;
    if (!is_numbered(record, number) || number < next[record.ring]) {
      ++bad;
      return;
    }
    // A gap is what the ring says it lost before this record.
    if (number - next[record.ring] != record.lost) ++bad;
    next[record.ring] = number + 1;
    ++records;
  }
  std::vector<std::uint64_t> next;
  std::uint64_t records = 0;
  std::uint64_t bad = 0;
};

// The host of one capture: drains, sleeps on the doorbell when there is nothing, until `finished`.
template <class OnRecord, class Fence>
bool host_loop(Consumer& consumer, const Doorbell& doorbell, OnRecord&& on_record,
               const std::atomic<bool>& finished, const Fence& fence) {
  for (;;) {
    const bool last = finished.load(std::memory_order_acquire);
    if (consumer.drain(256, on_record) > 0) continue;
    if (last) return true;
    consumer.prepare_sleep();
    fence();
    const bool rung = consumer.pending() || doorbell.wait();
    consumer.cancel_sleep();
    if (!rung) return false;
  }
}

struct Producing {
  std::uint64_t produced = 0;
  std::uint64_t dropped = 0;
};

// Pauses now and then, so that the host falls asleep in between.
Producing produce(vmitap_producer& producer, std::uint64_t count, const Doorbell& doorbell, bool fenced) {
  Producing result;
  for (std::uint64_t number = 0; number < count; ++number) {
    const auto words = numbered(number);
    vmitap_record record;
    if (vmitap_reserve(&producer, &record, static_cast<std::uint32_t>(words.size() * 8))) {
      vmitap_write(&record, words.data(), static_cast<std::uint32_t>(words.size() * 8));
      vmitap_publish(&record, 1, 0, number);
      if (vmitap_announce(&producer, fenced)) doorbell.ring();
      ++result.produced;
    } else {
      ++result.dropped;
    }
    if (number % 256 == 0) breathe();
  }
  return result;
}

void threads_against_one_host(std::uint32_t threads, std::uint64_t count, bool fenced) {
  Regions regions(threads, 256);
  Consumer consumer = regions.open();
  Received received(threads);
  Doorbell doorbell;
  std::atomic<bool> finished{false};
  std::atomic<std::uint32_t> running{threads};
  std::vector<Producing> results(threads);
  if (!fenced) {
    ASSERT_EQ(membarrier(MEMBARRIER_CMD_REGISTER_GLOBAL_EXPEDITED), 0);
  }

  std::vector<std::thread> guests;
  for (std::uint32_t ring = 0; ring < threads; ++ring) {
    guests.emplace_back([&, ring] {
      results[ring] = produce(regions.producer(ring), count, doorbell, fenced);
      if (running.fetch_sub(1) == 1) {
        finished.store(true, std::memory_order_release);
        doorbell.ring();
      }
    });
  }
  const bool done = host_loop(consumer, doorbell, received, finished, [&] {
    if (fenced)
      vmitap_fence();
    else
      membarrier(MEMBARRIER_CMD_GLOBAL_EXPEDITED);
  });
  EXPECT_TRUE(done) << "the host sleeps and nobody rings";
  for (auto& guest : guests) guest.join();

  EXPECT_EQ(received.bad, 0U);
  EXPECT_TRUE(errors_of(consumer).empty());
  EXPECT_EQ(consumer.unfinished(), 0U);
  std::uint64_t produced = 0;
  std::uint64_t dropped = 0;
  for (const Producing& result : results) {
    EXPECT_EQ(result.produced + result.dropped, count);
    produced += result.produced;
    dropped += result.dropped;
  }
  EXPECT_EQ(received.records, produced);
  std::uint64_t told = 0;
  for (const auto& loss : losses_of(consumer)) told += loss.count;
  EXPECT_EQ(told, dropped);
}

TEST(RingStress, ThreadsWithTheHostsMembarrier) { threads_against_one_host(4, 30'000, false); }

TEST(RingStress, ThreadsThatFenceThemselves) { threads_against_one_host(4, 30'000, true); }

// One record, and the next only when it was read: the host falls asleep before each.
void one_at_a_time(bool fenced) {
  constexpr std::uint64_t kRecords = 4'000;
  Regions regions(1, 32);
  Consumer consumer = regions.open();
  Received received(1);
  Doorbell doorbell;
  std::atomic<bool> finished{false};
  std::atomic<std::uint64_t> read{0};
  ASSERT_EQ(membarrier(MEMBARRIER_CMD_REGISTER_GLOBAL_EXPEDITED), 0);
  std::thread guest([&] {
    vmitap_producer& producer = regions.producer();
    for (std::uint64_t number = 0; number < kRecords; ++number) {
      vmitap_record record;
      const auto words = numbered(number);
      const auto size = static_cast<std::uint32_t>(words.size() * 8);
      ASSERT_TRUE(vmitap_reserve(&producer, &record, size));
      vmitap_write(&record, words.data(), size);
      vmitap_publish(&record, 1, 0, 0);
      if (vmitap_announce(&producer, fenced)) doorbell.ring();
      read.wait(number);
    }
    finished.store(true, std::memory_order_release);
    doorbell.ring();
  });
  const auto on_record = [&](const Record& record) {
    received(record);
    read.store(received.records);
    read.notify_one();
  };
  const bool done = host_loop(consumer, doorbell, on_record, finished, [&] {
    if (fenced)
      vmitap_fence();
    else
      membarrier(MEMBARRIER_CMD_GLOBAL_EXPEDITED);
  });
  read.store(UINT64_MAX);  // whatever happened, the guest ends
  read.notify_one();
  guest.join();
  EXPECT_TRUE(done) << "the host sleeps and nobody rings, after " << received.records;
  EXPECT_EQ(received.records, kRecords);
  EXPECT_EQ(received.bad, 0U);
}

TEST(RingStress, OneAtATimeWithTheHostsMembarrier) { one_at_a_time(false); }

TEST(RingStress, OneAtATimeWithTheProducersFence) { one_at_a_time(true); }

TEST(RingStress, ThreadsThatClaimAndReleaseRings) {
  constexpr std::uint32_t kThreads = 4;
  constexpr std::uint32_t kClaims = 500;
  Regions regions(2, 64);  // fewer rings than threads
  Consumer consumer = regions.open();
  std::atomic<std::uint32_t> running{kThreads};
  std::atomic<std::uint64_t> produced{0};
  std::vector<std::thread> guests;
  for (std::uint32_t thread = 1; thread <= kThreads; ++thread) {
    guests.emplace_back([&, thread] {
      for (std::uint32_t claim = 0; claim < kClaims;) {
        vmitap_producer& producer = regions.producer(claim % 2);
        if (!vmitap_producer_claim(&producer, thread)) {
          breathe();
          continue;
        }
        for (std::uint32_t i = 0; i < 3; ++i) {
          ASSERT_NE(push_value(producer, claim, thread), Pushed::dropped);
          produced.fetch_add(1);
        }
        vmitap_producer_release(&producer);
        ++claim;
      }
      running.fetch_sub(1);
    });
  }
  std::uint64_t consumed = 0;
  std::uint64_t misattributed = 0;
  for (bool last = false; !last;) {
    last = running.load() == 0;
    while (consumer.drain(100, [&](const Record& record) {
      ++consumed;
      misattributed += record.owner != record.trigger;
      misattributed += record.trigger == 0 || record.trigger > kThreads;
    }) > 0) {
    }
    breathe();
  }
  for (auto& guest : guests) guest.join();
  EXPECT_EQ(consumed, produced.load());
  EXPECT_EQ(misattributed, 0U);
}

// ------------------------------------------------------------------ another process

TEST(RingStress, AProcessInSharedMemory) {
  constexpr std::uint64_t kRecords = 50'000;
  struct Shared {
    std::atomic<bool> finished;
    Producing result;
  };
  const Pages pages(sizeof(Shared));
  auto& shared = *reinterpret_cast<Shared*>(pages.bytes().data());
  Regions regions(1, 256);
  Consumer consumer = regions.open();
  Received received(1);
  Doorbell doorbell;
  const pid_t child = ::fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    membarrier(MEMBARRIER_CMD_REGISTER_GLOBAL_EXPEDITED);
    shared.result = produce(regions.producer(), kRecords, doorbell, false);
    shared.finished.store(true, std::memory_order_release);
    doorbell.ring();
    ::_exit(0);
  }
  const bool done = host_loop(consumer, doorbell, received, shared.finished,
                              [] { membarrier(MEMBARRIER_CMD_GLOBAL_EXPEDITED); });
  EXPECT_TRUE(done) << "the host sleeps and nobody rings";
  if (!done) ::kill(child, SIGKILL);
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
  EXPECT_EQ(received.bad, 0U);
  EXPECT_EQ(received.records, shared.result.produced);
  EXPECT_EQ(received.records + regions.state().drops, kRecords);
  std::uint64_t told = 0;
  for (const auto& loss : losses_of(consumer)) told += loss.count;
  EXPECT_EQ(told, shared.result.dropped);
}

TEST(RingStress, AProcessKilledAtAnyMomentLeavesAReadableRing) {
  for (int round = 0; round < 20; ++round) {
    Regions regions(1, 1024);
    Consumer consumer = regions.open();
    Received received(1);
    const pid_t child = ::fork();
    ASSERT_GE(child, 0);
    if (child == 0) {
      for (std::uint64_t number = 0;; ++number) {
        const auto words = numbered(number);
        if (push(regions.producer(), std::as_bytes(std::span(words))) == Pushed::dropped) breathe();
      }
    }
    while (received.records < 200 + 97U * static_cast<unsigned>(round))
      if (consumer.drain(64, received) == 0) breathe();
    ::kill(child, SIGKILL);
    ASSERT_EQ(::waitpid(child, nullptr, 0), child);
    while (consumer.drain(64, received) > 0) {
    }
    EXPECT_EQ(received.bad, 0U);
    EXPECT_TRUE(errors_of(consumer).empty());
    EXPECT_LE(consumer.unfinished(), 1U);
    // And a new host takes the ring over.
    Consumer next = regions.open();
    EXPECT_EQ(next.unfinished(), 0U);
  }
}

}  // namespace
}  // namespace vmitap::ring::test
