// SPDX-License-Identifier: MIT
#include "backend/xen/page_walk.hpp"

#include <gtest/gtest.h>

#include <array>
#include <map>

namespace vmitap::backend::xen {
namespace {

constexpr std::uint64_t kFlags =
    pte::kPresent | 0x66;  // what Linux sets besides: writable, user, accessed, dirty
constexpr std::uint64_t kNoExecute = std::uint64_t{1} << 63;

// Page tables in our own memory, by frame.
class Tables {
 public:
  std::uint64_t& entry(std::uint64_t frame, std::uint64_t index) { return frames_[frame][index]; }
  void link(std::uint64_t frame, std::uint64_t index, std::uint64_t to, std::uint64_t more = 0) {
    entry(frame, index) = to * kPageSize | kFlags | more;
  }
  const std::uint64_t* operator()(Frame frame) {
    ++looked_;
    const auto found = frames_.find(frame.value);
    return found == frames_.end() ? nullptr : found->second.data();
  }
  [[nodiscard]] int looked() const { return looked_; }

 private:
  std::map<std::uint64_t, std::array<std::uint64_t, 512>> frames_;
  int looked_ = 0;
};

GuestVirt address(std::uint64_t l4, std::uint64_t l3, std::uint64_t l2, std::uint64_t l1,
                  std::uint64_t offset) {
  const std::uint64_t low = l4 << 39 | l3 << 30 | l2 << 21 | l1 << 12 | offset;
  return {l4 >= 256 ? low | 0xffff000000000000 : low};
}

constexpr AddressSpace kFour{.root = {1}, .levels = 4};

struct PageWalk : testing::Test {
  PageWalk() {
    tables.link(1, 511, 2, kNoExecute);
    tables.link(2, 510, 3);
    tables.link(3, 7, 4);
    tables.link(4, 9, 0xabcde, kNoExecute);
  }
  Tables tables;
  GuestVirt there = address(511, 510, 7, 9, 0x123);
};

TEST_F(PageWalk, FindsASmallPage) {
  const auto found = walk(kFour, there, tables);
  ASSERT_TRUE(found);
  EXPECT_EQ(found->frame.value, 0xabcdeu);
  EXPECT_EQ(found->trail.count, 4);
}

TEST_F(PageWalk, FindsTheFrameWithinALargePage) {
  tables.link(3, 7, 0x40000, pte::kLarge | 1u << 12);  // bit 12: PAT
  EXPECT_EQ(walk(kFour, there, tables)->frame.value, 0x40000u + 9);
  tables.link(2, 510, 0x80000, pte::kLarge);
  EXPECT_EQ(walk(kFour, there, tables)->frame.value, 0x80000u + 7 * 512 + 9);
}

TEST_F(PageWalk, WalksFiveLevels) {
  tables.link(20, 3, 1);
  const GuestVirt far{std::uint64_t{3} << 48 | (there.value & 0xffffffffffff)};
  EXPECT_EQ(walk(AddressSpace{.root = {20}, .levels = 5}, far, tables)->frame.value, 0xabcdeu);
  EXPECT_FALSE(walk(kFour, far, tables)) << "is no address with four levels";
}

TEST_F(PageWalk, FindsNothingWhereAnyLevelIsNotPresent) {
  for (const auto& [frame, index] : {std::pair{1, 511}, {2, 510}, {3, 7}, {4, 9}}) {
    std::uint64_t& entry = tables.entry(static_cast<std::uint64_t>(frame), static_cast<std::uint64_t>(index));
    const std::uint64_t was = std::exchange(entry, entry & ~pte::kPresent);
    EXPECT_FALSE(walk(kFour, there, tables)) << "table " << frame;
    entry = was;
  }
  EXPECT_TRUE(walk(kFour, there, tables));
}

TEST_F(PageWalk, FindsNothingThroughATableThatCannotBeRead) {
  tables.link(3, 7, 0xdead);
  EXPECT_FALSE(walk(kFour, there, tables));
}

TEST_F(PageWalk, RefusesALargePageWhereNoneCanBe) {
  tables.link(1, 511, 2, pte::kLarge);
  EXPECT_FALSE(walk(kFour, there, tables));
}

TEST_F(PageWalk, EndsInATableThatLeadsBackIntoItself) {
  for (std::uint64_t i = 0; i < 512; ++i) tables.link(30, i, 30);
  const auto found = walk(AddressSpace{.root = {30}, .levels = 4}, there, tables);
  ASSERT_TRUE(found);
  EXPECT_EQ(found->frame.value, 30u);
  EXPECT_EQ(tables.looked(), 4);
}

TEST_F(PageWalk, RefusesAddressesThatNoProcessorTakes) {
  EXPECT_FALSE(walk(kFour, GuestVirt{0x0000800000000000}, tables));
  EXPECT_FALSE(walk(kFour, GuestVirt{0xffff7fffffffffff}, tables));
}

TEST_F(PageWalk, TheTrailTellsWhetherThePageIsStillThere) {
  const auto found = walk(kFour, there, tables);
  ASSERT_TRUE(found);
  EXPECT_TRUE(found->trail.still_true());
  tables.entry(4, 9) ^= pte::kAccessedDirty;
  EXPECT_TRUE(found->trail.still_true()) << "the processor sets these itself";
  tables.link(2, 510, 5);
  EXPECT_FALSE(found->trail.still_true());
}

}  // namespace
}  // namespace vmitap::backend::xen
