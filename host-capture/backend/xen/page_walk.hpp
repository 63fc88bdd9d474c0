// SPDX-License-Identifier: MIT
// From a virtual address to a frame, as the processor does it: x86-64 page tables of four or five levels,
// pages of 4 KiB, 2 MiB and 1 GiB (Intel SDM volume 3, 4.5; AMD APM volume 2, 5.3). The tables are the
// guest's: whatever stands in them, the walk ends after its levels.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <optional>

#include "base/ids.hpp"

namespace vmitap::backend::xen {

inline constexpr std::uint64_t kPageSize = 4096;
inline constexpr int kLevelsMax = 5;

// As the domain counts frames in its page tables: PV machine frames, PVH and HVM guest frames.
using Frame = Id<struct FrameTag, std::uint64_t>;

struct AddressSpace {
  Frame root;
  int levels = 4;           // 4 or 5
  bool translated = false;  // frames are the domain's own numbers (PVH, HVM), behind which Xen puts pages
};

// Which entries led to a page and what they said: the page is still where it was if they say it again.
struct Trail {
  struct Step {
    const std::uint64_t* entry;
    std::uint64_t said;
    bool operator==(const Step&) const = default;
    [[nodiscard]] bool still_true() const noexcept;
  };
  std::array<Step, kLevelsMax> steps;
  int count = 0;

  [[nodiscard]] bool still_true() const noexcept;
};

struct Translation {
  Frame frame;
  Trail trail;
};

namespace pte {
inline constexpr std::uint64_t kPresent = 1u << 0;
inline constexpr std::uint64_t kLarge = 1u << 7;
inline constexpr std::uint64_t kAddress = 0x000ffffffffff000;
// The processor sets these by itself.
inline constexpr std::uint64_t kAccessedDirty = (1u << 5) | (1u << 6);
}  // namespace pte

inline std::uint64_t read_entry(const std::uint64_t* entry) noexcept {
  return std::atomic_ref(const_cast<std::uint64_t&>(*entry)).load(std::memory_order_acquire);
}

inline bool Trail::Step::still_true() const noexcept {
  return ((read_entry(entry) ^ said) & ~pte::kAccessedDirty) == 0;
}

inline bool Trail::still_true() const noexcept {
  for (int i = 0; i < count; ++i)
    if (!steps[static_cast<std::size_t>(i)].still_true()) return false;
  return true;
}

// Bits 63 to 47 (56 with five levels) of an address must be the same.
inline bool canonical(std::uint64_t address, int levels) noexcept {
  const int shift = 64 - (12 + 9 * levels);
  return static_cast<std::uint64_t>(static_cast<std::int64_t>(address << shift) >> shift) == address;
}

// tables(frame) gives the 512 entries that stand in a frame, nullptr if it cannot be read.
template <class Tables>
std::optional<Translation> walk(const AddressSpace& space, GuestVirt address, Tables&& tables) {
  if (!canonical(address.value, space.levels)) return std::nullopt;
  Translation found{.frame = space.root, .trail = {}};
  for (int level = space.levels; level >= 1; --level) {
    const std::uint64_t* const table = tables(found.frame);
    if (table == nullptr) return std::nullopt;
    const int shift = 12 + 9 * (level - 1);
    const std::uint64_t* const entry = table + (address.value >> shift & 511);
    const std::uint64_t said = read_entry(entry);
    found.trail.steps[static_cast<std::size_t>(found.trail.count++)] = {entry, said};
    if ((said & pte::kPresent) == 0) return std::nullopt;
    found.frame = Frame{(said & pte::kAddress) / kPageSize};
    if (level == 1) return found;
    if ((said & pte::kLarge) == 0) continue;
    // Bit 12 of a large page's entry is PAT, not address.
    if (level > 3) return std::nullopt;
    const std::uint64_t frames = std::uint64_t{1} << (shift - 12);
    found.frame = Frame{(found.frame.value & ~(frames - 1)) | (address.value >> 12 & (frames - 1))};
    return found;
  }
  return std::nullopt;
}

}  // namespace vmitap::backend::xen
