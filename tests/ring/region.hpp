// SPDX-License-Identifier: MIT
// A guest region and a host region in memory, with their producers, as an agent lays them out.
#pragma once

#include <sys/mman.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <new>
#include <span>
#include <stdexcept>
#include <string>
#include <variant>
#include <vector>

#include "vmitap/ring_consumer.hpp"
#include "vmitap/ring_producer.h"
#include "vmitap/ring_sync.h"

namespace vmitap::ring::test {

// Pages shared with children, zeroed, with a page on either side that nobody may touch.
class Pages {
 public:
  explicit Pages(std::size_t size)
      : size_(size),
        mapped_((size + 3 * VMITAP_PAGE_SIZE - 1) / VMITAP_PAGE_SIZE * VMITAP_PAGE_SIZE),
        start_(::mmap(nullptr, mapped_, PROT_NONE, MAP_SHARED | MAP_ANONYMOUS, -1, 0)) {
    if (start_ == MAP_FAILED) throw std::bad_alloc();
    if (::mprotect(bytes().data(), size_, PROT_READ | PROT_WRITE) != 0) throw std::bad_alloc();
  }
  Pages(const Pages&) = delete;
  Pages& operator=(const Pages&) = delete;
  ~Pages() { ::munmap(start_, mapped_); }
  [[nodiscard]] std::span<std::byte> bytes() const {
    return {static_cast<std::byte*>(start_) + VMITAP_PAGE_SIZE, size_};
  }

 private:
  std::size_t size_;
  std::size_t mapped_;
  void* start_;
};

inline vmitap_guest_header layout(std::uint32_t rings, std::uint32_t slots) {
  vmitap_guest_header header;
  vmitap_guest_layout(&header, rings, slots, VMITAP_CLOCK_TSC);
  return header;
}

class Regions {
 public:
  Regions(std::uint32_t rings, std::uint32_t slots)
      : header_(layout(rings, slots)), guest_(header_.region_size), host_(vmitap_host_region_size(rings)) {
    std::memcpy(guest_.bytes().data(), &header_, sizeof header_);
    producers_.resize(rings);
    for (std::uint32_t ring = 0; ring < rings; ++ring)
      vmitap_producer_init(&producers_[ring], &header_, guest_.bytes().data(), host_.bytes().data(), ring);
  }

  // Every ring as its producer would find it at this position: for what comes late in a ring's life.
  void start_at(std::uint64_t position) {
    for (auto& producer : producers_) {
      producer.state->head = position;
      producer.control->tail = position;
      producer.tail = position;
      for (std::uint64_t back = 1; back <= std::min<std::uint64_t>(position, producer.slots_per_ring); ++back)
        vmitap_slot_at(&producer, position - back)->first.commit =
            vmitap_commit_word(&producer, position - back);
    }
  }

  [[nodiscard]] const vmitap_guest_header& header() const { return header_; }
  [[nodiscard]] std::span<std::byte> guest() const { return guest_.bytes(); }
  [[nodiscard]] std::span<std::byte> host() const { return host_.bytes(); }
  [[nodiscard]] vmitap_producer& producer(std::uint32_t ring = 0) { return producers_[ring]; }
  [[nodiscard]] vmitap_ring_state& state(std::uint32_t ring = 0) { return *producers_[ring].state; }
  [[nodiscard]] vmitap_ring_control& control(std::uint32_t ring = 0) { return *producers_[ring].control; }
  [[nodiscard]] vmitap_slot& slot(std::uint64_t position, std::uint32_t ring = 0) {
    return *vmitap_slot_at(&producers_[ring], position);
  }
  [[nodiscard]] std::uint64_t& active_word(std::uint32_t ring = 0) { return *producers_[ring].active; }

  Consumer open() {
    auto opened = Consumer::open(guest(), host());
    if (auto* error = std::get_if<OpenError>(&opened))
      throw std::runtime_error("open: " + std::to_string(static_cast<int>(*error)));
    return std::get<Consumer>(std::move(opened));
  }

 private:
  vmitap_guest_header header_;
  Pages guest_;
  Pages host_;
  std::vector<vmitap_producer> producers_;
};

enum class Pushed { dropped, quiet, notify };

inline Pushed push(vmitap_producer& producer, std::span<const std::byte> payload, std::uint32_t trigger = 1,
                   std::uint8_t flags = 0, std::uint64_t ticks = 0) {
  vmitap_record record;
  if (!vmitap_reserve(&producer, &record, static_cast<std::uint32_t>(payload.size()))) return Pushed::dropped;
  vmitap_write(&record, payload.data(), static_cast<std::uint32_t>(payload.size()));
  return vmitap_commit(&record, trigger, flags, ticks) ? Pushed::notify : Pushed::quiet;
}

template <class T>
Pushed push_value(vmitap_producer& producer, const T& value, std::uint32_t trigger = 1) {
  return push(producer, std::as_bytes(std::span(&value, 1)), trigger);
}

// `size` bytes that tell where they belong.
inline std::vector<std::byte> pattern(std::size_t size, std::uint32_t seed = 1) {
  std::vector<std::byte> bytes(size);
  for (std::size_t i = 0; i < size; ++i) bytes[i] = static_cast<std::byte>(seed * 31 + i + 1);
  return bytes;
}

struct Copied {
  Record record;  // its payload is not valid any more
  std::vector<std::byte> payload;
};

inline std::vector<Copied> drain_all(Consumer& consumer, std::size_t max_records = 100'000) {
  std::vector<Copied> records;
  consumer.drain(max_records, [&](const Record& record) {
    records.push_back({record, {record.payload.begin(), record.payload.end()}});
  });
  return records;
}

inline std::vector<Consumer::Latched> errors_of(Consumer& consumer) {
  std::vector<Consumer::Latched> errors;
  consumer.take_errors(errors);
  return errors;
}

inline std::vector<Consumer::Loss> losses_of(Consumer& consumer) {
  std::vector<Consumer::Loss> losses;
  consumer.take_losses(losses);
  return losses;
}

}  // namespace vmitap::ring::test
