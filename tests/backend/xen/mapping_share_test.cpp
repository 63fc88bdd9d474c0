// SPDX-License-Identifier: MIT
#include "backend/xen/mapping_share.hpp"

#include <gtest/gtest.h>

#include <fstream>
#include <utility>
#include <vector>

namespace vmitap::backend::xen {
namespace {

constexpr std::size_t kLinux = 65530;             // vm.max_map_count where nobody set it
constexpr std::size_t kGuestsMost = 62;           // lines of a ledger of pauses
constexpr std::size_t kTablesMost = 4 * 256 + 1;  // behind 256 pages that share but the root, of five levels

TEST(MappingShare, LeavesAQuarterToAllElseHoweverManyGuestsThereAre) {
  for (const std::size_t may_map : {kLinux, std::size_t{262144}, std::size_t{1} << 30})
    for (std::size_t guests = 1; guests <= kGuestsMost; ++guests)
      EXPECT_LE(guests * (frames_for_each(may_map, guests) + kImageFrames), may_map / 4 * 3 + 3)
          << guests << " guests";
}

TEST(MappingShare, IsEnoughForWhatRulesName) {
  EXPECT_EQ(frames_for_each(kLinux, 1), kRecordFramesMost);
  EXPECT_GE(frames_for_each(kLinux, 3), (std::size_t{32} << 20) / 4096 + 32) << "the longest record";
  EXPECT_GE(frames_for_each(kLinux, 30), 256 + kTablesMost) << "256 variables, wherever they stand";
  EXPECT_GE(frames_for_each(kLinux, kGuestsMost), 256u + 64) << "256 variables in a few modules";
}

TEST(MappingShare, NeverGrowsWithMoreGuestsAndIsNeverNothing) {
  for (const std::size_t may_map : {std::size_t{0}, std::size_t{1}, std::size_t{1000}, kLinux})
    for (std::size_t guests = 0; guests < 1000; ++guests) {
      EXPECT_GE(frames_for_each(may_map, guests), frames_for_each(may_map, guests + 1));
      EXPECT_GE(frames_for_each(may_map, guests), kRecordFramesLeast);
      EXPECT_LE(frames_for_each(may_map, guests), kRecordFramesMost);
    }
}

TEST(MappingShare, IsThatOfTheGuestsThatAreThere) {
  std::size_t may_map = kLinux;
  std::ifstream("/proc/sys/vm/max_map_count") >> may_map;
  std::vector<MappingShare> shares;
  for (std::size_t guests = 1; guests <= kGuestsMost; ++guests) {
    shares.push_back(MappingShare::of_records());
    EXPECT_EQ(shares.front().size(), frames_for_each(may_map, guests));
    EXPECT_EQ(shares.back().size(), frames_for_each(may_map, guests));
  }
  const MappingShare image = MappingShare::of_image();
  EXPECT_EQ(image.size(), kImageFrames);
  EXPECT_EQ(shares.front().size(), frames_for_each(may_map, kGuestsMost))
      << "an image is no guest of its own";
  const MappingShare moved = std::move(shares.back());
  EXPECT_EQ(moved.size(), frames_for_each(may_map, kGuestsMost)) << "nor is one that was moved two";
  shares.clear();
  EXPECT_EQ(moved.size(), frames_for_each(may_map, 1));
}

}  // namespace
}  // namespace vmitap::backend::xen
