// SPDX-License-Identifier: MIT
// The input is a guest: its region's bytes, or a program that fires honestly, scribbles over the region
// and lets the host drain, in any order, also from within the host's callback.
#include <cstdlib>

#include "region.hpp"

namespace vmitap::ring::test {
namespace {

void require(bool condition) {
  if (!condition) std::abort();
}

class Input {
 public:
  explicit Input(std::span<const std::uint8_t> bytes) : bytes_(bytes) {}
  [[nodiscard]] bool empty() const { return bytes_.empty(); }
  std::uint32_t byte() {
    if (bytes_.empty()) return 0;
    const std::uint8_t value = bytes_.front();
    bytes_ = bytes_.subspan(1);
    return value;
  }
  std::uint64_t number() {
    std::uint64_t value = 0;
    // As many bytes as the first says: small numbers are the interesting ones.
    for (std::uint32_t left = byte() % 9; left > 0; --left) value = value << 8 | byte();
    return value;
  }
  std::span<const std::uint8_t> take(std::size_t size) {
    const auto taken = bytes_.first(std::min(size, bytes_.size()));
    bytes_ = bytes_.subspan(taken.size());
    return taken;
  }

 private:
  std::span<const std::uint8_t> bytes_;
};

class Guest {
 public:
  explicit Guest(std::span<const std::uint8_t> bytes)
      : input_(bytes), geometry_(input_.byte()), regions_(rings(), slots()) {}

  void run() {
    if ((geometry_ & 0x80) != 0) {
      scribble(0, input_.take(regions_.guest().size()));
    } else if ((geometry_ & 0x40) != 0) {
      regions_.start_at(input_.number());
    }
    auto opened = Consumer::open(regions_.guest(), regions_.host());
    auto* consumer = std::get_if<Consumer>(&opened);
    if (consumer == nullptr) return;
    latched_.resize(consumer->ring_count());
    // A region of bytes only has no program; look at what stands there.
    do step(*consumer);
    while (!input_.empty());
    look(*consumer);
  }

 private:
  [[nodiscard]] std::uint32_t rings() const { return (geometry_ & 0x08) != 0 ? 66 : 1 + geometry_ % 4; }
  [[nodiscard]] std::uint32_t slots() const { return (geometry_ & 0x04) != 0 ? 64 : 16; }
  std::uint32_t a_ring() { return input_.byte() % rings(); }

  void step(Consumer& consumer) {
    switch (input_.byte() % 8) {
      case 0:
        damage();
        break;
      case 1:
      case 2:
        push(regions_.producer(a_ring()), pattern(input_.byte()), input_.byte());
        break;
      case 3:
        drain(consumer, input_.byte() * 4);
        break;
      case 4:
        consumer.prepare_sleep();
        if (input_.byte() % 2 != 0) damage();
        (void)consumer.pending();
        consumer.cancel_sleep();
        break;
      case 5:
        look(consumer);
        break;
      case 6: {
        const std::uint32_t ring = input_.byte() % consumer.ring_count();
        const std::uint64_t ticket = input_.number();
        consumer.answer_sync(ring, ticket);
        (void)consumer.needs_wake(ring);
        (void)consumer.sync_abandoned(ring, ticket);
        break;
      }
      default:
        damage_in_callback_ = input_.byte();
    }
  }

  void damage() {
    const std::uint32_t ring = a_ring();
    switch (input_.byte() % 5) {
      case 0:
        scribble(input_.number(), input_.take(input_.byte()));
        break;
      case 1: {
        const auto start = regions_.header().slots_offset +
                           (std::uint64_t{ring} * slots() + input_.byte() % slots()) * VMITAP_SLOT_SIZE;
        scribble(start, input_.take(8));
        break;
      }
      case 2:
        regions_.state(ring).head = input_.number();
        break;
      case 3:
        regions_.state(ring).drops = input_.number();
        break;
      default:
        regions_.active_word(ring) ^= std::uint64_t{1} << (ring % 64);
    }
  }

  void scribble(std::uint64_t offset, std::span<const std::uint8_t> bytes) {
    const auto region = regions_.guest();
    const auto at = region.subspan(offset % region.size());
    std::memcpy(at.data(), bytes.data(), std::min(bytes.size(), at.size()));
  }

  void drain(Consumer& consumer, std::size_t max) {
    const std::size_t got = consumer.drain(max, [&](const Record& record) {
      require(record.ring < consumer.ring_count());
      require(!latched_[record.ring]);
      require(record.payload.size() <= VMITAP_RECORD_PAYLOAD_MAX);
      for (const std::byte byte : record.payload) sum_ = sum_ * 31 + std::to_integer<std::uint64_t>(byte);
      if (damage_in_callback_ > 0) {
        --damage_in_callback_;
        damage();
      }
    });
    require(got <= max);
    note_errors(consumer);
  }

  void note_errors(Consumer& consumer) {
    for (const auto& error : errors_of(consumer)) {
      require(error.ring < consumer.ring_count() && !latched_[error.ring]);
      require(error.error != RingError::none);
      latched_[error.ring] = true;
    }
  }

  void look(Consumer& consumer) {
    drain(consumer, 100);
    for (const auto& loss : losses_of(consumer)) require(loss.count > 0);
    (void)consumer.unfinished();
  }

  Input input_;
  std::uint32_t geometry_;
  Regions regions_;
  std::vector<bool> latched_;
  std::uint32_t damage_in_callback_ = 0;
  std::uint64_t sum_ = 0;
};

}  // namespace
}  // namespace vmitap::ring::test

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  vmitap::ring::test::Guest({data, size}).run();
  return 0;
}
