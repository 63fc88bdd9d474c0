// SPDX-License-Identifier: MIT
// The host's side of a guest's rings. The guest is taken for hostile: every byte is copied, then
// checked; positions and states are the host's own; a ring that breaks a rule is latched in error and
// not looked at again, and the other rings never notice. What the guest does meanwhile changes what
// a call returns, never how long it takes. The protocol and its proofs: ring/FORMAT.md.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <variant>
#include <vector>

#include "vmitap/barrier.h"
#include "vmitap/ring_abi.h"

namespace vmitap::ring {

enum class RingError : std::uint8_t {
  none,
  commit_word,   // of a later lap, or a continuation where a record must begin
  slot_count,    // none, or more than a record may take
  payload_size,  // does not fit the number of slots
  continuation,  // a slot of a committed record does not belong to it
  head,          // behind tail, or further ahead than the ring is long
};

enum class OpenError : std::uint8_t { none, region_too_small, magic, version, geometry };

struct Record {
  std::uint32_t ring;
  std::uint32_t owner;  // as the guest says: thread id or vCPU
  std::uint64_t position;
  std::uint64_t tsc;  // ticks of Consumer::clock()
  std::uint32_t trigger;
  std::uint32_t lost;  // dropped on this ring before this record; also in Consumer::take_losses
  std::uint8_t flags;  // VMITAP_RECORD_*
  std::span<const std::byte> payload;  // a private copy; until the callback returns

  [[nodiscard]] std::uint64_t sync_ticket() const { return position + 1; }
};

// Thread rule: one thread, but for answer_sync(), needs_wake() and sync_abandoned(), which one other
// thread may call at the same time. Owns no memory of the regions: they must outlive it.
class Consumer {
 public:
  // guest_region and host_region must be 64-byte aligned. Geometry is read once from the guest's header.
  // Every ring is taken over at its present head: older records were meant for an earlier host.
  static std::variant<Consumer, OpenError> open(std::span<const std::byte> guest_region,
                                                std::span<std::byte> host_region);

  [[nodiscard]] std::uint32_t ring_count() const { return static_cast<std::uint32_t>(rings_.size()); }
  [[nodiscard]] vmitap_clock clock() const { return clock_; }
  // Slots of all rings: more records than that they never hold.
  [[nodiscard]] std::size_t capacity() const { return rings_.size() * slots_per_ring_; }

  // Hands at most max_records to on_record(const Record&), taking turns among the rings that are awake.
  // Returns how many. 0: nothing was ready. on_record must not call back into drain().
  template <class F>
  std::size_t drain(std::size_t max_records, F&& on_record);

  // To sleep without missing a record:
  //   prepare_sleep(); Guest::fence();
  //   if (!pending()) poll(doorbell);
  //   cancel_sleep();
  // Nobody may drain() between prepare_sleep() and pending().
  void prepare_sleep();
  [[nodiscard]] bool pending();
  void cancel_sleep();

  // Lets the producer of a SYNC record (and those before it) go on; then wake it if needs_wake(ring).
  void answer_sync(std::uint32_t ring, std::uint64_t ticket);
  [[nodiscard]] bool needs_wake(std::uint32_t ring) const;
  // Ask after reading the guest's memory and before answer_sync(): true if the producer may have gone
  // on before the reading ended.
  [[nodiscard]] bool sync_abandoned(std::uint32_t ring, std::uint64_t ticket) const;

  struct Loss {
    std::uint32_t ring;
    std::uint64_t count;
    bool ringless;  // fired by threads that found no free ring; `ring` means nothing
  };
  // Appends what was dropped since the last call. Looks at every ring: for once a second, not per record.
  void take_losses(std::vector<Loss>& out);

  struct Latched {
    std::uint32_t ring;
    RingError error;
    std::uint64_t position;
  };
  // Appends the rings latched in error since the last call.
  void take_errors(std::vector<Latched>& out);

  // For a guest that died, after drain() returned 0: how many records were reserved but never
  // committed, or committed behind one that was not. At least; nested ones cannot be told apart.
  [[nodiscard]] std::uint64_t unfinished() const;

 private:
  enum class Watch : std::uint8_t {
    polled,    // in polled_: looked at in each drain()
    settling,  // in settling_: armed, but the producer may not have seen it at its last commit
    idle,      // armed, and a fence has passed since: its active bit tells
    latched,
  };

  struct Ring {
    const vmitap_slot_first* slots;
    std::uint64_t tail;          // next position to read
    std::uint64_t published;     // tail as the producer knows it
    std::uint64_t drops_before;  // what the ring had dropped when this host took it over
    bool has_told;               // a record has said what was lost before it
    std::uint32_t armed;
    std::uint32_t empty_passes;
    std::uint32_t place;  // in polled_ or settling_, as watch says
    Watch watch;
  };

  struct alignas(VMITAP_SLOT_SIZE) SlotCopy {
    std::array<std::uint64_t, VMITAP_SLOT_SIZE / 8> words;
  };

  // A ring is left after so many records, that others get their turn, and is not looked at any more
  // after so many calls of drain() that found it empty.
  static constexpr std::size_t kTurn = 64;
  static constexpr std::uint32_t kEmptyPasses = 64;

  Consumer() = default;

  [[nodiscard]] const vmitap_ring_state& state(std::uint32_t ring) const { return states_[ring]; }
  [[nodiscard]] vmitap_ring_control& control(std::uint32_t ring) const { return controls_[ring]; }
  [[nodiscard]] const vmitap_slot_first& slot(const Ring& ring, std::uint64_t position) const {
    return ring.slots[position & (slots_per_ring_ - 1)];
  }
  [[nodiscard]] std::uint32_t commit_word(std::uint64_t position) const {
    return static_cast<std::uint32_t>(((position >> lap_shift_) + 1) << 1);
  }
  // Acquire: with the release of vmitap_publish (ring_producer.h).
  [[nodiscard]] std::uint32_t load_commit(const Ring& ring, std::uint64_t position) const {
    return vmitap_load_acquire(&slot(ring, position).commit);
  }
  // Something stands at tail: a record, or what is none and never will be.
  [[nodiscard]] bool committed(const Ring& ring) const {
    return !is_earlier(load_commit(ring, ring.tail), commit_word(ring.tail));
  }
  // The word is one that the slot may hold until the record that begins with `expected` is committed.
  [[nodiscard]] static bool is_earlier(std::uint32_t word, std::uint32_t expected) {
    constexpr std::uint32_t kLapBits = ~VMITAP_COMMIT_CONTINUATION;
    return ((word & kLapBits) - (expected & kLapBits)) >> 31 != 0;
  }
  // 64 bytes, copied with single untorn loads: what the guest changes meanwhile cannot reach them later.
  static SlotCopy copy(const void* slot) {
    SlotCopy result;
    const auto* words = static_cast<const std::uint64_t*>(slot);
    for (std::size_t i = 0; i < result.words.size(); ++i) result.words[i] = vmitap_load_relaxed(words + i);
    return result;
  }

  template <class F>
  std::size_t take_turn(std::uint32_t index, std::size_t max_records, F& on_record);
  std::span<const std::byte> gather(const Ring& ring, const vmitap_slot_first& first, RingError& error);
  [[nodiscard]] RingError check_first(const vmitap_slot_first& first) const {
    if (first.slots == 0 || first.slots > record_slots_max_) return RingError::slot_count;
    const std::uint32_t room = VMITAP_FIRST_PAYLOAD + (first.slots - 1u) * VMITAP_NEXT_PAYLOAD;
    const std::uint32_t room_of_fewer = first.slots == 1 ? 0 : room - VMITAP_NEXT_PAYLOAD + 1;
    if (first.size > room || first.size < room_of_fewer) return RingError::payload_size;
    return RingError::none;
  }
  void publish(std::uint32_t index) {
    Ring& ring = rings_[index];
    if (ring.published == ring.tail) return;
    ring.published = ring.tail;
    // Release: with the acquire in vmitap_take_slots and vmitap_producer_claim (ring_producer.h). What
    // was copied was copied before.
    vmitap_store_release(&control(index).tail, ring.tail);
  }

  void take_over(std::uint32_t index, const std::byte* slots);
  void arm(std::uint32_t index);  // to settling
  bool wake_rings();
  void look_at_one_settling();
  void retire(std::uint32_t index);  // polled to settling
  void poll(std::uint32_t index);    // settling or idle to polled
  void latch(std::uint32_t index, RingError error);
  void enter(std::vector<std::uint32_t>& list, std::uint32_t index);
  void leave(std::vector<std::uint32_t>& list, std::uint32_t index);

  const vmitap_guest_header* header_ = nullptr;
  const vmitap_ring_state* states_ = nullptr;
  const std::uint64_t* active_ = nullptr;
  vmitap_host_header* host_ = nullptr;
  vmitap_ring_control* controls_ = nullptr;
  vmitap_clock clock_ = VMITAP_CLOCK_TSC;
  std::uint32_t slots_per_ring_ = 0;
  std::uint32_t lap_shift_ = 0;
  std::uint32_t record_slots_max_ = 0;

  std::vector<Ring> rings_;
  std::vector<std::uint32_t> polled_;
  std::vector<std::uint32_t> settling_;
  std::size_t next_polled_ = 0;
  std::size_t next_settling_ = 0;
  // Bit r of word r/64: ring r is armed (settling or idle), and the value that its active bit takes when it
  // wakes.
  std::vector<std::uint64_t> armed_mask_;
  std::vector<std::uint64_t> wake_value_;
  std::vector<std::byte> payload_;
  std::vector<Latched> errors_;
  std::vector<std::uint64_t> drops_seen_;
  std::uint64_t ringless_seen_ = 0;
  std::vector<std::uint64_t> answered_;  // the answering thread's
};

template <class F>
std::size_t Consumer::drain(std::size_t max_records, F&& on_record) {
  wake_rings();
  look_at_one_settling();
  std::size_t total = 0;
  // Each round but the last hands over at least one record, so that max_records bounds them.
  for (std::size_t before = total; total < max_records; before = total) {
    for (std::size_t turns = polled_.size(); turns > 0 && total < max_records; --turns) {
      if (next_polled_ >= polled_.size()) next_polled_ = 0;
      const std::uint32_t index = polled_[next_polled_];
      total += take_turn(index, std::min(kTurn, max_records - total), on_record);
      if (rings_[index].watch == Watch::polled) ++next_polled_;
    }
    if (total == before) break;
  }
  return total;
}

template <class F>
std::size_t Consumer::take_turn(std::uint32_t index, std::size_t max_records, F& on_record) {
  Ring& ring = rings_[index];
  std::size_t count = 0;
  std::uint32_t owner = 0;
  while (count < max_records) {
    const std::uint32_t word = load_commit(ring, ring.tail);
    if (word != commit_word(ring.tail)) {
      if (!is_earlier(word, commit_word(ring.tail))) latch(index, RingError::commit_word);
      break;
    }
    const SlotCopy copied = copy(&slot(ring, ring.tail));
    vmitap_slot_first first;
    std::memcpy(&first, &copied, sizeof first);
    RingError error = check_first(first);
    std::span<const std::byte> payload;
    if (error == RingError::none) {
      if (first.slots == 1) {
        payload = std::as_bytes(std::span(first.payload)).first(first.size);
      } else {
        payload = gather(ring, first, error);
      }
    }
    if (error != RingError::none) {
      latch(index, error);
      break;
    }
    // Nobody else can claim the ring before the tail behind this record is published.
    if (ring.published == ring.tail) owner = vmitap_load_relaxed(&state(index).owner);
    // What was dropped before this host came is not told to it.
    std::uint32_t lost = first.lost;
    if (!ring.has_told) {
      const std::uint64_t ours = vmitap_load_relaxed(&state(index).drops) - ring.drops_before;
      lost = static_cast<std::uint32_t>(std::min<std::uint64_t>(lost, ours));
      ring.has_told = true;
    }
    const Record record{.ring = index,
                        .owner = owner,
                        .position = ring.tail,
                        .tsc = first.tsc,
                        .trigger = first.trigger,
                        .lost = lost,
                        .flags = first.flags,
                        .payload = payload};
    ring.tail += first.slots;
    ++count;
    on_record(record);
    // The line with tail is the producer's to wait for: seldom, but before it thinks that the ring is full.
    if (ring.tail - ring.published >= record_slots_max_) publish(index);
  }
  publish(index);
  if (count > 0) {
    ring.empty_passes = 0;
  } else if (ring.watch == Watch::polled && ++ring.empty_passes >= kEmptyPasses) {
    retire(index);
  }
  return count;
}

}  // namespace vmitap::ring
