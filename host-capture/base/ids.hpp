// SPDX-License-Identifier: MIT
// Numbers that must not be mixed up are types that cannot be.
#pragma once

#include <compare>
#include <cstdint>
#include <functional>

namespace vmitap {

template <class Tag, class Rep>
struct Id {
  Rep value{};
  constexpr auto operator<=>(const Id&) const = default;  // NOLINT(modernize-use-nullptr): clang-tidy 14 errs
};

using GuestVirt = Id<struct GuestVirtTag, std::uint64_t>;  // address in the guest's address space
using LinkAddr = Id<struct LinkAddrTag, std::uint64_t>;    // address in an ELF file, before loading
using DomId = Id<struct DomIdTag, std::uint16_t>;
using Gfn = Id<struct GfnTag, std::uint64_t>;
using Mfn = Id<struct MfnTag, std::uint64_t>;
using GrantRef = Id<struct GrantRefTag, std::uint32_t>;
using EvtchnPort = Id<struct EvtchnPortTag, std::uint32_t>;
using TriggerId = Id<struct TriggerIdTag, std::uint32_t>;  // given by the guest, per load of a site
using RingIndex = Id<struct RingIndexTag, std::uint32_t>;

constexpr GuestVirt operator+(GuestVirt base, std::int64_t offset) {
  return {base.value + static_cast<std::uint64_t>(offset)};
}

}  // namespace vmitap

template <class Tag, class Rep>
struct std::hash<vmitap::Id<Tag, Rep>> {
  std::size_t operator()(const vmitap::Id<Tag, Rep>& id) const noexcept { return std::hash<Rep>{}(id.value); }
};
