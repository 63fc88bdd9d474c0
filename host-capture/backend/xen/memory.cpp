// SPDX-License-Identifier: MIT
#include "backend/xen/memory.hpp"

#include <algorithm>
#include <cstring>
#include <new>

#include "vmitap/barrier.h"

namespace vmitap::backend::xen {
namespace {

using namespace std::chrono_literals;

constexpr auto kOld = 10s;
// Behind a frame number of a domain that Xen translates for (PVH, HVM) there may be another page since: the
// domain gave the first one back to Xen (ballooning) and got another, of which nobody tells us.
constexpr auto kStays = 2s;
constexpr int kTries = 3;  // of a read whose pages move under it
constexpr std::size_t kWordsMost = 32;

template <class Word>
void copy_words(std::byte* into, const std::byte* from, std::size_t count) noexcept {
  using Shared __attribute__((may_alias)) = const volatile Word;
  const auto* const words = reinterpret_cast<Shared*>(from);
#pragma GCC unroll 8
  for (std::size_t i = 0; i < count; ++i) {
    const Word word = words[i];
    std::memcpy(into + i * sizeof word, &word, sizeof word);
  }
}

// What is aligned and small goes word by word: where the guest runs on, a word is the old or the new one and
// never half of each, and a call would cost as much as the copy.
void take(std::byte* into, const std::byte* from, std::size_t size) noexcept {
  const std::uintptr_t bits = reinterpret_cast<std::uintptr_t>(from) | size;
  if (bits % 8 == 0 && size <= kWordsMost * 8) return copy_words<std::uint64_t>(into, from, size / 8);
  if (size == 4 && bits % 4 == 0) return copy_words<std::uint32_t>(into, from, 1);
  if (size == 2 && bits % 2 == 0) return copy_words<std::uint16_t>(into, from, 1);
  std::memcpy(into, from, size);
}

}  // namespace

// The page that holds the address, found once in a rehearsal.
Memory::Found Memory::page(std::uint64_t address) noexcept {
  const std::uint64_t number = address / kPageSize;
  if (const auto known = pages_.find(number); known != pages_.end())
    return {known->second.at, known->second.status};
  ReadStatus status = ReadStatus::unreadable;
  const auto mapped = [&](Frame frame) {
    const std::byte* const at = frames_.get(frame);
    if (at == nullptr && frames_.lacked_room()) status = ReadStatus::no_room;
    return at;
  };
  const auto tables = [&](Frame frame) { return reinterpret_cast<const std::uint64_t*>(mapped(frame)); };
  const auto found = walk(space_, GuestVirt{address}, tables);
  const std::byte* const at = found ? mapped(found->frame) : nullptr;
  if (at != nullptr) status = ReadStatus::ok;
  try {
    if (found) remember(found->trail);
    pages_.emplace(number, Page{at, status, found ? found->trail : Trail{}});
    return {at, status};
  } catch (const std::bad_alloc&) {
    return {nullptr, ReadStatus::no_room};
  }
}

void Memory::remember(const Trail& trail) {
  for (int i = 0; i < trail.count; ++i) {
    const auto& step = trail.steps[static_cast<std::size_t>(i)];
    if (i >= last_.count || step != last_.steps[static_cast<std::size_t>(i)]) steps_.push_back(step);
  }
  last_ = trail;
}

ReadStatus Memory::copy(const ReadRequest& request) noexcept {
  std::uint64_t from = request.from.value;
  for (std::span<std::byte> into = request.into; !into.empty();) {
    const std::size_t offset = from % kPageSize;
    const std::size_t size = std::min<std::size_t>(into.size(), kPageSize - offset);
    const Found found = page(from);
    if (found.at == nullptr) return found.status;
    take(into.data(), found.at + offset, size);
    into = into.subspan(size);
    from += size;
  }
  return ReadStatus::ok;
}

void Memory::forget() noexcept {
  pages_.clear();
  steps_.clear();
  last_ = {};
  rehearsed_.clear();
  next_ = 0;
}

void Memory::rehearse() noexcept {
  forget();
  const auto now = Clock::now();
  if (space_.translated && now - dropped_ > kStays) {
    frames_.drop();
    dropped_ = now;
  }
  const bool old = now - turned_ > kOld;
  if (old) turned_ = now;
  frames_.turn(old);
}

// Whether the pages that the bytes came from are still those of the address: else they may be anybody's, as
// the guest runs on (a process that ended, a page that was copied on a write). If not, they are forgotten.
bool Memory::stands(const ReadRequest& request) noexcept {
  bool all = true;
  const std::uint64_t last = request.from.value + request.into.size() - 1;
  for (std::uint64_t number = request.from.value / kPageSize; number <= last / kPageSize; ++number) {
    const auto known = pages_.find(number);
    if (known == pages_.end() || known->second.trail.still_true()) continue;
    pages_.erase(known);
    all = false;
  }
  return all;
}

void Memory::read(std::span<ReadRequest> requests) noexcept {
  rehearse();
  for (ReadRequest& request : requests) {
    if (request.into.empty()) continue;
    for (int tries = 0; tries < kTries; ++tries) {
      request.status = copy(request);
      vmitap_read_fence();
      if (request.status != ReadStatus::ok || stands(request)) break;
      request.status = ReadStatus::unreadable;
    }
  }
}

void Memory::read_once(std::span<ReadRequest> requests) noexcept {
  for (ReadRequest& request : requests) read({&request, 1});
  forget();
  frames_.drop();
}

void Memory::read_aside(std::span<ReadRequest> requests) noexcept {
  for (ReadRequest& request : requests) {
    request.status = copy(request);
    const std::uint64_t from = request.from.value;
    const bool whole =
        request.status == ReadStatus::ok && from % kPageSize + request.into.size() <= kPageSize;
    const std::byte* const found = whole && !request.into.empty() ? page(from).at : nullptr;
    try {
      rehearsed_.push_back(
          {from, request.into.size(), found == nullptr ? nullptr : found + from % kPageSize});
    } catch (const std::bad_alloc&) {
      return;  // the pause looks it up for itself
    }
  }
}

void Memory::read_in_pause(std::span<ReadRequest> requests) noexcept {
  for (ReadRequest& request : requests) {
    // The rehearsal had the same reads in the same order, unless a pointer has changed since.
    if (next_ < rehearsed_.size()) {
      const Rehearsed& known = rehearsed_[next_++];
      if (known.from == request.from.value && known.size == request.into.size() && known.at != nullptr) {
        take(request.into.data(), known.at, known.size);
        request.status = ReadStatus::ok;
        continue;
      }
    }
    request.status = copy(request);
  }
}

bool Memory::pages_stood_still() const noexcept {
  return std::ranges::all_of(steps_, &Trail::Step::still_true);
}

}  // namespace vmitap::backend::xen
