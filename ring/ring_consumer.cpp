// SPDX-License-Identifier: MIT
#include "vmitap/ring_consumer.hpp"

#include <bit>

namespace vmitap::ring {
namespace {

constexpr std::uint64_t kWordBits = 64;

std::uint64_t mask_of(std::uint32_t ring) { return std::uint64_t{1} << (ring % kWordBits); }

void assign(std::uint64_t& word, std::uint64_t mask, bool value) {
  word = value ? word | mask : word & ~mask;
}

// A page aligned array of `count` elements of `size` bytes lies behind the header and inside the region.
bool lies_inside(std::uint64_t offset, std::uint64_t count, std::uint64_t size, std::uint64_t region) {
  return offset >= VMITAP_PAGE_SIZE && offset % VMITAP_PAGE_SIZE == 0 && offset <= region &&
         count <= (region - offset) / size;
}

OpenError check(const vmitap_guest_header& header, std::uint64_t mapped) {
  if (header.magic != VMITAP_RING_MAGIC) return OpenError::magic;
  if (header.abi_version != VMITAP_RING_ABI_VERSION) return OpenError::version;
  if (header.region_size > mapped) return OpenError::region_too_small;
  const std::uint64_t rings = header.ring_count;
  const std::uint64_t words = (rings + kWordBits - 1) / kWordBits;
  const bool sane =
      rings >= 1 && rings <= VMITAP_RING_COUNT_MAX && header.slots_per_ring >= VMITAP_SLOTS_PER_RING_MIN &&
      header.slots_per_ring <= VMITAP_SLOTS_PER_RING_MAX && std::has_single_bit(header.slots_per_ring) &&
      (header.clock == VMITAP_CLOCK_TSC || header.clock == VMITAP_CLOCK_MONOTONIC) &&
      lies_inside(header.states_offset, rings, sizeof(vmitap_ring_state), header.region_size) &&
      lies_inside(header.active_offset, words, sizeof(std::uint64_t), header.region_size) &&
      lies_inside(header.slots_offset, rings * header.slots_per_ring, VMITAP_SLOT_SIZE, header.region_size);
  return sane ? OpenError::none : OpenError::geometry;
}

bool aligned(const void* start) { return reinterpret_cast<std::uintptr_t>(start) % VMITAP_SLOT_SIZE == 0; }

}  // namespace

std::variant<Consumer, OpenError> Consumer::open(std::span<const std::byte> guest_region,
                                                 std::span<std::byte> host_region) {
  if (guest_region.size() < VMITAP_PAGE_SIZE || !aligned(guest_region.data()) || !aligned(host_region.data()))
    return OpenError::region_too_small;

  const std::byte* const guest = guest_region.data();
  const SlotCopy copied = copy(guest);
  vmitap_guest_header header;
  std::memcpy(&header, &copied, sizeof header);
  if (const OpenError error = check(header, guest_region.size()); error != OpenError::none) return error;
  if (host_region.size() < VMITAP_PAGE_SIZE + header.ring_count * sizeof(vmitap_ring_control))
    return OpenError::region_too_small;

  Consumer consumer;
  consumer.header_ = reinterpret_cast<const vmitap_guest_header*>(guest);
  consumer.states_ = reinterpret_cast<const vmitap_ring_state*>(guest + header.states_offset);
  consumer.active_ = reinterpret_cast<const std::uint64_t*>(guest + header.active_offset);
  consumer.host_ = reinterpret_cast<vmitap_host_header*>(host_region.data());
  consumer.controls_ = reinterpret_cast<vmitap_ring_control*>(host_region.data() + VMITAP_PAGE_SIZE);
  consumer.clock_ = static_cast<vmitap_clock>(header.clock);
  consumer.slots_per_ring_ = header.slots_per_ring;
  consumer.lap_shift_ = static_cast<std::uint32_t>(std::countr_zero(header.slots_per_ring));
  consumer.record_slots_max_ = std::min(VMITAP_RECORD_SLOTS_MAX, header.slots_per_ring / 4);

  // Everything is allocated here: what the guest does later cannot make the host need memory.
  const std::size_t words = (header.ring_count + kWordBits - 1) / kWordBits;
  consumer.armed_mask_.resize(words);
  consumer.wake_value_.resize(words);
  consumer.payload_.resize(VMITAP_FIRST_PAYLOAD + consumer.record_slots_max_ * VMITAP_NEXT_PAYLOAD);
  consumer.rings_.resize(header.ring_count);
  consumer.polled_.reserve(header.ring_count);
  consumer.settling_.reserve(header.ring_count);
  consumer.errors_.reserve(header.ring_count);
  consumer.drops_seen_.resize(header.ring_count);
  consumer.answered_.resize(header.ring_count);

  const std::byte* slots = guest + header.slots_offset;
  for (std::uint32_t index = 0; index < header.ring_count; ++index) {
    consumer.take_over(index, slots);
    slots += std::size_t{header.slots_per_ring} * VMITAP_SLOT_SIZE;
  }
  consumer.ringless_seen_ = vmitap_load_relaxed(&consumer.header_->ringless_drops);
  vmitap_store_relaxed(&consumer.host_->sleeping, 0U);
  vmitap_store_relaxed(&consumer.host_->abi_version, VMITAP_RING_ABI_VERSION);
  vmitap_store_relaxed(&consumer.host_->magic, VMITAP_RING_MAGIC);
  return consumer;
}

void Consumer::take_over(std::uint32_t index, const std::byte* slots) {
  Ring& ring = rings_[index];
  ring.slots = reinterpret_cast<const vmitap_slot_first*>(slots);
  ring.tail = vmitap_load_acquire(&state(index).head);
  ring.published = ring.tail;
  // An earlier host's last value: only that the next one differs from it matters.
  ring.armed = vmitap_load_relaxed(&control(index).armed);
  ring.empty_passes = 0;
  ring.has_told = false;
  ring.drops_before = drops_seen_[index] = vmitap_load_relaxed(&state(index).drops);
  vmitap_store_release(&control(index).tail, ring.tail);
  // What an earlier host owed is settled: else vmitap_sync_patience (ring_sync.h) would take us for one that
  // hangs.
  answered_[index] = ring.tail;
  vmitap_store_release(&control(index).sync_answered, ring.tail);
  arm(index);
}

// Makes the ring wait for its active bit. If an earlier arming is not yet answered, it still stands.
void Consumer::arm(std::uint32_t index) {
  Ring& ring = rings_[index];
  const std::uint64_t mask = mask_of(index);
  const bool bit = (vmitap_load_relaxed(active_ + index / kWordBits) & mask) != 0;
  if (bit == ((ring.armed & 1) != 0)) ++ring.armed;
  assign(wake_value_[index / kWordBits], mask, !bit);
  armed_mask_[index / kWordBits] |= mask;
  ring.watch = Watch::settling;
  enter(settling_, index);
  vmitap_store_relaxed(&control(index).armed, ring.armed);
}

void Consumer::enter(std::vector<std::uint32_t>& list, std::uint32_t index) {
  rings_[index].place = static_cast<std::uint32_t>(list.size());
  list.push_back(index);
}

void Consumer::leave(std::vector<std::uint32_t>& list, std::uint32_t index) {
  const std::uint32_t place = rings_[index].place;
  list[place] = list.back();
  rings_[list[place]].place = place;
  list.pop_back();
}

void Consumer::retire(std::uint32_t index) {
  const Ring& ring = rings_[index];
  const std::uint64_t head = vmitap_load_relaxed(&state(index).head);
  if (head - ring.tail > slots_per_ring_) return latch(index, RingError::head);
  leave(polled_, index);
  arm(index);
}

void Consumer::poll(std::uint32_t index) {
  Ring& ring = rings_[index];
  armed_mask_[index / kWordBits] &= ~mask_of(index);
  ring.watch = Watch::polled;
  ring.empty_passes = 0;
  enter(polled_, index);
}

void Consumer::latch(std::uint32_t index, RingError error) {
  Ring& ring = rings_[index];
  leave(polled_, index);
  ring.watch = Watch::latched;
  errors_.push_back({index, error, ring.tail});
}

// True if a ring woke. Costs one load a word of 64 rings.
bool Consumer::wake_rings() {
  bool any = false;
  for (std::size_t word = 0; word < armed_mask_.size(); ++word) {
    if (armed_mask_[word] == 0) continue;
    // Acquire, so that the record behind the bit is seen: with vmitap_wake_ring (ring_producer.h).
    const std::uint64_t equal = ~(vmitap_load_acquire(active_ + word) ^ wake_value_[word]);
    for (std::uint64_t woke = equal & armed_mask_[word]; woke != 0; woke &= woke - 1) {
      const auto index =
          static_cast<std::uint32_t>(word * kWordBits) + static_cast<std::uint32_t>(std::countr_zero(woke));
      if (rings_[index].watch == Watch::settling) leave(settling_, index);
      poll(index);
      any = true;
    }
  }
  return any;
}

// While the host never sleeps, nobody fences: a producer that saw the arming late has woken nobody.
// One such ring is looked at in each drain(), so that its record waits for ring_count calls at most.
void Consumer::look_at_one_settling() {
  if (settling_.empty()) return;
  if (next_settling_ >= settling_.size()) next_settling_ = 0;
  const std::uint32_t index = settling_[next_settling_];
  if (!committed(rings_[index])) {
    ++next_settling_;
    return;
  }
  leave(settling_, index);
  poll(index);
}

void Consumer::prepare_sleep() {
  for (std::size_t left = polled_.size(); left > 0; --left) retire(polled_.back());
  vmitap_store_relaxed(&host_->sleeping, 1U);
  // The caller's fence follows; with vmitap_announce and vmitap_wake_ring (ring_producer.h).
}

bool Consumer::pending() {
  bool any = false;
  for (const std::uint32_t index : settling_) {
    if (committed(rings_[index])) {
      poll(index);
      any = true;
    } else {
      rings_[index].watch = Watch::idle;
    }
  }
  settling_.clear();
  return wake_rings() || any;
}

void Consumer::cancel_sleep() { vmitap_store_relaxed(&host_->sleeping, 0U); }

std::span<const std::byte> Consumer::gather(const Ring& ring, const vmitap_slot_first& first,
                                            RingError& error) {
  std::byte* out = payload_.data();
  std::memcpy(out, first.payload, VMITAP_FIRST_PAYLOAD);
  out += VMITAP_FIRST_PAYLOAD;
  for (std::uint64_t position = ring.tail + 1; position < ring.tail + first.slots; ++position) {
    const SlotCopy copied = copy(&slot(ring, position));
    vmitap_slot_next next;
    std::memcpy(&next, &copied, sizeof next);
    if (next.commit != (commit_word(position) | VMITAP_COMMIT_CONTINUATION)) {
      error = RingError::continuation;
      return {};
    }
    std::memcpy(out, next.payload, VMITAP_NEXT_PAYLOAD);
    out += VMITAP_NEXT_PAYLOAD;
  }
  return std::span<const std::byte>(payload_).first(first.size);
}

void Consumer::answer_sync(std::uint32_t ring, std::uint64_t ticket) {
  if (ticket <= answered_[ring]) return;
  answered_[ring] = ticket;
  // Release: with the acquire in vmitap_sync_answer (ring_producer.h). The snapshot was read before.
  vmitap_store_release(&control(ring).sync_answered, ticket);
}

bool Consumer::needs_wake(std::uint32_t ring) const {
  // With vmitap_sync_park (ring_producer.h): either it sees the answer, or we see it parked.
  vmitap_fence();
  return vmitap_load_relaxed(&state(ring).sync_parked) != 0;
}

bool Consumer::sync_abandoned(std::uint32_t ring, std::uint64_t ticket) const {
  // With the fence in vmitap_sync_abandon (ring_producer.h): a read that saw what the producer wrote
  // after it gave up is followed by a load that sees that it did.
  vmitap_read_fence();
  return vmitap_load_acquire(&state(ring).sync_abandoned) >= ticket;
}

void Consumer::take_losses(std::vector<Loss>& out) {
  const std::uint64_t ringless = vmitap_load_relaxed(&header_->ringless_drops);
  if (ringless > ringless_seen_) {
    out.push_back({.ring = 0, .count = ringless - ringless_seen_, .ringless = true});
    ringless_seen_ = ringless;
  }
  for (std::uint32_t index = 0; index < ring_count(); ++index) {
    const std::uint64_t drops = vmitap_load_relaxed(&state(index).drops);
    if (rings_[index].watch == Watch::latched || drops <= drops_seen_[index]) continue;
    out.push_back({.ring = index, .count = drops - drops_seen_[index], .ringless = false});
    drops_seen_[index] = drops;
  }
}

void Consumer::take_errors(std::vector<Latched>& out) {
  out.insert(out.end(), errors_.begin(), errors_.end());
  errors_.clear();
}

std::uint64_t Consumer::unfinished() const {
  std::uint64_t records = 0;
  for (std::uint32_t index = 0; index < ring_count(); ++index) {
    const Ring& ring = rings_[index];
    const std::uint64_t head = vmitap_load_relaxed(&state(index).head);
    if (ring.watch == Watch::latched || head == ring.tail || head - ring.tail > slots_per_ring_) continue;
    ++records;
    for (std::uint64_t position = ring.tail + 1; position != head; ++position)
      if (load_commit(ring, position) == commit_word(position)) ++records;
  }
  return records;
}

}  // namespace vmitap::ring
