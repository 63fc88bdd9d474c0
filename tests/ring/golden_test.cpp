// SPDX-License-Identifier: MIT
// The bytes on the wire, written down by hand from FORMAT.md: whoever changes them changes the ABI.
#include <gtest/gtest.h>

#include <array>
#include <fstream>
#include <string>

#include "headers_c11.h"
#include "region.hpp"

namespace vmitap::ring::test {
namespace {

constexpr std::uint32_t kSlots = 32;
constexpr std::uint32_t kTrigger = 0x44332211;
constexpr std::uint64_t kTicks = 0x8877665544332211;

std::string hex(std::span<const std::byte> bytes) {
  std::string text;
  for (const std::byte byte : bytes) {
    constexpr char kDigits[] = "0123456789abcdef";
    text += kDigits[std::to_integer<unsigned>(byte) >> 4];
    text += kDigits[std::to_integer<unsigned>(byte) & 15];
  }
  return text;
}

// Payload byte i is i + 1, modulo 256.
std::vector<std::byte> counting(std::size_t size) {
  std::vector<std::byte> bytes(size);
  for (std::size_t i = 0; i < size; ++i) bytes[i] = static_cast<std::byte>(i + 1);
  return bytes;
}

struct Golden {
  std::uint32_t size;
  std::uint32_t lap;         // 1 or 2: where the record is written
  const char* first_header;  // the 24 bytes before the payload
  std::vector<const char*> continuation_words;
};

class RingGolden : public testing::TestWithParam<Golden> {};

TEST_P(RingGolden, BytesAreThoseOfTheFormat) {
  const Golden& golden = GetParam();
  Regions regions(1, kSlots);
  regions.start_at((golden.lap - 1) * std::uint64_t{kSlots});
  const auto payload = counting(golden.size);
  ASSERT_TRUE(c11_push(&regions.producer(), payload.data(), golden.size, kTrigger, kTicks));

  const auto slots = regions.guest().subspan(regions.header().slots_offset);
  EXPECT_EQ(hex(slots.first(24)), golden.first_header);
  std::size_t done = std::min<std::size_t>(payload.size(), 40);
  EXPECT_EQ(hex(slots.subspan(24, done)), hex(std::span(payload).first(done)));
  std::size_t slot = 1;
  for (const char* word : golden.continuation_words) {
    EXPECT_EQ(hex(slots.subspan(slot * 64, 4)), word) << "slot " << slot;
    const std::size_t piece = std::min<std::size_t>(payload.size() - done, 60);
    EXPECT_EQ(hex(slots.subspan(slot * 64 + 4, piece)), hex(std::span(payload).subspan(done, piece)));
    done += piece;
    ++slot;
  }
  EXPECT_EQ(done, payload.size());
  // Nothing behind the record was touched.
  const std::string word = golden.lap == 1 ? "00000000" : "02000000";
  EXPECT_EQ(hex(slots.subspan(slot * 64, 64)), word + std::string(120, '0'));
}

// commit size slots flags tsc trigger lost
INSTANTIATE_TEST_SUITE_P(Records, RingGolden,
                         testing::Values(Golden{0,
                                                1,
                                                "02000000"
                                                "0000"
                                                "01"
                                                "00"
                                                "1122334455667788"
                                                "11223344"
                                                "00000000",
                                                {}},
                                         Golden{40,
                                                1,
                                                "02000000"
                                                "2800"
                                                "01"
                                                "00"
                                                "1122334455667788"
                                                "11223344"
                                                "00000000",
                                                {}},
                                         Golden{41,
                                                1,
                                                "02000000"
                                                "2900"
                                                "02"
                                                "00"
                                                "1122334455667788"
                                                "11223344"
                                                "00000000",
                                                {"03000000"}},
                                         Golden{100,
                                                1,
                                                "02000000"
                                                "6400"
                                                "02"
                                                "00"
                                                "1122334455667788"
                                                "11223344"
                                                "00000000",
                                                {"03000000"}},
                                         Golden{300,
                                                1,
                                                "02000000"
                                                "2c01"
                                                "06"
                                                "00"
                                                "1122334455667788"
                                                "11223344"
                                                "00000000",
                                                {"03000000", "03000000", "03000000", "03000000", "03000000"}},
                                         Golden{0,
                                                2,
                                                "04000000"
                                                "0000"
                                                "01"
                                                "00"
                                                "1122334455667788"
                                                "11223344"
                                                "00000000",
                                                {}},
                                         Golden{40,
                                                2,
                                                "04000000"
                                                "2800"
                                                "01"
                                                "00"
                                                "1122334455667788"
                                                "11223344"
                                                "00000000",
                                                {}},
                                         Golden{41,
                                                2,
                                                "04000000"
                                                "2900"
                                                "02"
                                                "00"
                                                "1122334455667788"
                                                "11223344"
                                                "00000000",
                                                {"05000000"}},
                                         Golden{100,
                                                2,
                                                "04000000"
                                                "6400"
                                                "02"
                                                "00"
                                                "1122334455667788"
                                                "11223344"
                                                "00000000",
                                                {"05000000"}},
                                         Golden{
                                             300,
                                             2,
                                             "04000000"
                                             "2c01"
                                             "06"
                                             "00"
                                             "1122334455667788"
                                             "11223344"
                                             "00000000",
                                             {"05000000", "05000000", "05000000", "05000000", "05000000"}}),
                         [](const auto& instance) {
                           return "Payload" + std::to_string(instance.param.size) + "Lap" +
                                  std::to_string(instance.param.lap);
                         });

TEST(RingGoldenWrap, ARecordOverTheEndHasSlotsOfBothLaps) {
  Regions regions(1, kSlots);
  regions.start_at(kSlots - 1);
  const auto payload = counting(41);
  ASSERT_TRUE(c11_push(&regions.producer(), payload.data(), 41, kTrigger, kTicks));
  const auto slots = regions.guest().subspan(regions.header().slots_offset);
  EXPECT_EQ(hex(slots.subspan((kSlots - 1) * 64, 8)),
            "02000000"
            "2900"
            "02"
            "00");
  EXPECT_EQ(hex(slots.first(5)),
            "05000000"
            "29");
}

TEST(RingGoldenWrap, LapsAreCountedModulo31Bits) {
  Regions regions(1, kSlots);
  regions.start_at(0x7fffffffULL * kSlots);  // lap 2^31, which is 0
  ASSERT_EQ(regions.slot(0).first.commit, 0xfffffffeU);
  ASSERT_TRUE(c11_push(&regions.producer(), nullptr, 0, kTrigger, kTicks));
  EXPECT_EQ(regions.slot(0).first.commit, 0U);
  regions.start_at(0x80000000ULL * kSlots);
  ASSERT_TRUE(c11_push(&regions.producer(), nullptr, 0, kTrigger, kTicks));
  EXPECT_EQ(regions.slot(0).first.commit, 2U);
}

TEST(RingGoldenLayout, GuestHeaderOfTwoRings) {
  const vmitap_guest_header header = layout(2, 64);
  EXPECT_EQ(hex(std::as_bytes(std::span(&header, 1))),
            "69746170"
            "01000000"
            "02000000"
            "40000000"
            "01000000"
            "00000000"          // "itap", version, rings, slots, clock
            "0050000000000000"  // region_size
            "0010000000000000"
            "0020000000000000"
            "0030000000000000"  // states, active, slots
            "0000000000000000");
}

// FORMAT.md gives every offset in its tables as "| name | offset | size |": they must be the compiler's.
struct Documented {
  const char* name;
  std::size_t offset;
  std::size_t size;
};

#define MEMBER(type, member) \
  Documented { #type "." #member, offsetof(type, member), sizeof(type::member) }

TEST(RingGoldenLayout, FormatTablesAreTheCompilersOffsets) {
  const Documented members[] = {
      MEMBER(vmitap_guest_header, magic),
      MEMBER(vmitap_guest_header, abi_version),
      MEMBER(vmitap_guest_header, ring_count),
      MEMBER(vmitap_guest_header, slots_per_ring),
      MEMBER(vmitap_guest_header, clock),
      MEMBER(vmitap_guest_header, region_size),
      MEMBER(vmitap_guest_header, states_offset),
      MEMBER(vmitap_guest_header, active_offset),
      MEMBER(vmitap_guest_header, slots_offset),
      MEMBER(vmitap_guest_header, ringless_drops),
      MEMBER(vmitap_ring_state, head),
      MEMBER(vmitap_ring_state, drops),
      MEMBER(vmitap_ring_state, sync_abandoned),
      MEMBER(vmitap_ring_state, sync_timeouts),
      MEMBER(vmitap_ring_state, sync_parked),
      MEMBER(vmitap_ring_state, owner),
      MEMBER(vmitap_host_header, magic),
      MEMBER(vmitap_host_header, abi_version),
      MEMBER(vmitap_host_header, sleeping),
      MEMBER(vmitap_ring_control, tail),
      MEMBER(vmitap_ring_control, sync_answered),
      MEMBER(vmitap_ring_control, armed),
      MEMBER(vmitap_slot_first, commit),
      MEMBER(vmitap_slot_first, size),
      MEMBER(vmitap_slot_first, slots),
      MEMBER(vmitap_slot_first, flags),
      MEMBER(vmitap_slot_first, tsc),
      MEMBER(vmitap_slot_first, trigger),
      MEMBER(vmitap_slot_first, lost),
      MEMBER(vmitap_slot_first, payload),
      MEMBER(vmitap_slot_next, commit),
      MEMBER(vmitap_slot_next, payload),
  };
  std::ifstream file(VMITAP_FORMAT_MD);
  const std::string text{std::istreambuf_iterator<char>(file), {}};
  ASSERT_FALSE(text.empty());
  for (const Documented& member : members) {
    const std::string row = "| `" + std::string(member.name) + "` | " + std::to_string(member.offset) +
                            " | " + std::to_string(member.size) + " |";
    EXPECT_NE(text.find(row), std::string::npos) << "FORMAT.md has no row " << row;
  }
}

}  // namespace
}  // namespace vmitap::ring::test
