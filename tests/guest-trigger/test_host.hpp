// SPDX-License-Identifier: MIT
// A small host: speaks the control protocol as control_abi.h says it, and drains the rings.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "vmitap/control_abi.h"
#include "vmitap/ring_consumer.hpp"

namespace vmitap::test {

struct Message {
  std::uint32_t type = 0;  // 0: the guest closed the connection, or says nothing for 30 seconds
  std::vector<std::byte> body;
  std::vector<int> descriptors;

  template <class Body>
  [[nodiscard]] Body as() const {
    Body result{};
    std::memcpy(&result, body.data(), std::min(sizeof result, body.size()));
    return result;
  }
};

struct Site {
  vmitap_site wire{};
  std::vector<std::string> words;  // the name, then the arguments
};

struct Catalog {
  std::vector<std::pair<vmitap_module, std::string>> modules;
  std::map<std::string, Site> triggers;
  std::map<std::string, Site> marks;
};

struct Seen {
  std::uint32_t ring, owner, trigger, lost;
  std::uint8_t flags;
  std::uint64_t position, tsc;
  std::vector<std::byte> payload;

  template <class Value>
  [[nodiscard]] Value at(std::size_t offset) const {
    Value result{};
    if (offset + sizeof result <= payload.size())
      std::memcpy(&result, payload.data() + offset, sizeof result);
    return result;
  }
};

struct Arm {
  std::string trigger;
  bool sync = false;
  std::uint32_t sample = 1;
  std::uint32_t sync_timeout_us = 0;
  std::vector<vmitap_fetch> fetches = {};
};

class TestHost {
 public:
  // Waits up to 30 seconds for the guest's socket, and takes its WELCOME.
  explicit TestHost(pid_t pid);
  ~TestHost();
  TestHost(const TestHost&) = delete;
  TestHost& operator=(const TestHost&) = delete;

  [[nodiscard]] const vmitap_welcome& welcome() const { return welcome_; }
  [[nodiscard]] int socket() const { return socket_; }
  void send_raw(std::span<const std::byte> bytes) const;
  void send(std::uint32_t type, const void* body, std::size_t size) const;
  Message receive() const;
  // The answer to a message without tail.
  Message ask(std::uint32_t type, const void* body = nullptr, std::size_t size = 0) const;

  const Catalog& list();
  [[nodiscard]] const Catalog& catalog() const { return catalog_; }
  // Attaches and lists. 0, or the refusal.
  std::uint32_t attach();
  // 0, or the refusal.
  std::uint32_t arm(const Arm& request) const;
  std::uint32_t disarm(const std::string& trigger) const;
  [[nodiscard]] ring::Consumer& consumer() { return *consumer_; }
  [[nodiscard]] std::span<const std::byte> guest_region() const { return guest_; }
  [[nodiscard]] std::span<std::byte> host_region() const { return host_; }
  [[nodiscard]] int doorbell() const { return doorbell_; }
  [[nodiscard]] int guest_memory() const { return guest_memory_; }

  // Drains what there is: what comes meanwhile, no more than the rings hold at once.
  std::vector<Seen> drain();
  // Drains until enough() or 30 seconds have passed. Sleeps as a host sleeps.
  std::vector<Seen> drain_until(const std::function<bool(const std::vector<Seen>&)>& enough);
  std::uint64_t losses(bool ringless);
  // Copies the guest's memory.
  template <class Value>
  [[nodiscard]] std::optional<Value> peek(std::uint64_t address) const {
    Value result{};
    return read_guest(address, &result, sizeof result) ? std::optional<Value>(result) : std::nullopt;
  }
  void answer(const Seen& record);
  void detach();

 private:
  [[nodiscard]] bool read_guest(std::uint64_t address, void* into, std::size_t size) const;
  void sleep();

  pid_t pid_;
  int socket_ = -1;
  vmitap_welcome welcome_{};
  Catalog catalog_;
  int guest_memory_ = -1;
  int host_memory_ = -1;
  int doorbell_ = -1;
  std::span<const std::byte> guest_;
  std::span<std::byte> host_;
  std::optional<ring::Consumer> consumer_;
  std::vector<ring::Consumer::Loss> losses_;
};

// A value that a mark or an address leads to.
vmitap_fetch at_address(std::uint64_t address, std::uint32_t size,
                        const std::vector<std::int64_t>& hops = {});
vmitap_fetch at_argument(std::uint64_t offset, std::uint32_t size,
                         const std::vector<std::int64_t>& hops = {});

}  // namespace vmitap::test
