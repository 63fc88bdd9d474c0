// SPDX-License-Identifier: MIT
// Reads a domain's virtual memory through mapped frames. Inside a pause nothing is looked up: the reads are
// made once right before it (aside), which finds and maps the pages; in it the same reads, in the same order,
// are copies; after it the page tables are asked whether all pages still stand where they stood before.
#pragma once

#include <chrono>
#include <span>
#include <unordered_map>
#include <vector>

#include "backend/guest.hpp"
#include "backend/xen/frame_cache.hpp"
#include "backend/xen/page_walk.hpp"

namespace vmitap::backend::xen {

// One thread at a time.
class Memory {
 public:
  Memory(FrameCache frames, AddressSpace space) : frames_(std::move(frames)), space_(space) {}

  // Looks every page up anew.
  void read(std::span<ReadRequest> requests) noexcept;
  // The same for what is large and seldom read: one request after the other, and nothing stays mapped.
  void read_once(std::span<ReadRequest> requests) noexcept;

  // Begins a new rehearsal: read_aside() calls add to it, read_in_pause() follows it from its start.
  void rehearse() noexcept;
  void read_aside(std::span<ReadRequest> requests) noexcept;
  void start_pause() noexcept {
    next_ = 0;
    frames_.hold();
  }
  void read_in_pause(std::span<ReadRequest> requests) noexcept;
  // After the pause: whether everything that was read in it stood where the rehearsal had found it, or was
  // looked up in the pause itself.
  [[nodiscard]] bool pages_stood_still() const noexcept;

 private:
  using Clock = std::chrono::steady_clock;

  struct Page {
    const std::byte* at;  // nullptr: why is told by status
    ReadStatus status;
    Trail trail;
  };
  struct Rehearsed {
    std::uint64_t from;
    std::size_t size;
    const std::byte* at;  // nullptr: it spans pages, or was not readable
  };

  struct Found {
    const std::byte* at;
    ReadStatus status;
  };

  Found page(std::uint64_t address) noexcept;
  void forget() noexcept;
  void remember(const Trail& trail);
  ReadStatus copy(const ReadRequest& request) noexcept;
  bool stands(const ReadRequest& request) noexcept;

  FrameCache frames_;
  AddressSpace space_;
  std::unordered_map<std::uint64_t, Page> pages_;  // by page number, of this rehearsal
  // Of all of these pages. Neighbours share all but the last: what they share stands here once.
  std::vector<Trail::Step> steps_;
  Trail last_{};
  std::vector<Rehearsed> rehearsed_;
  std::size_t next_ = 0;
  Clock::time_point turned_ = Clock::now();
  Clock::time_point dropped_ = turned_;
};

}  // namespace vmitap::backend::xen
