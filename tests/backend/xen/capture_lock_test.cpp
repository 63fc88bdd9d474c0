// SPDX-License-Identifier: MIT
#include "backend/xen/capture_lock.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "backend/xen/file_lock.hpp"

namespace vmitap::backend::xen {
namespace {

TEST(CaptureLock, RemovesTheFilesThatNobodyHolds) {
  std::string directory = testing::TempDir() + "captures-XXXXXX";
  ASSERT_NE(::mkdtemp(directory.data()), nullptr);
  const auto file = [&](const char* name) { return directory + "/" + name; };
  for (const char* name : {"captured-1-kernel", "captured-2-77", "captured-3-kernel", "pauses-4"})
    std::ofstream(file(name)) << "1\n";
  std::filesystem::create_symlink(file("pauses-4"), file("captured-link"));
  Fd held(::open(file("captured-2-77").c_str(), O_RDWR | O_CLOEXEC));
  ASSERT_TRUE(lock_file(held.get()));

  remove_stale_captures(directory);
  EXPECT_FALSE(std::filesystem::exists(file("captured-1-kernel")));
  EXPECT_FALSE(std::filesystem::exists(file("captured-3-kernel")));
  EXPECT_TRUE(std::filesystem::exists(file("captured-2-77"))) << "is held";
  EXPECT_TRUE(std::filesystem::exists(file("captured-link"))) << "is none of ours";
  EXPECT_TRUE(std::filesystem::exists(file("pauses-4"))) << "tells of pauses";

  held.reset();
  remove_stale_captures(directory);
  EXPECT_FALSE(std::filesystem::exists(file("captured-2-77")));
  std::filesystem::remove_all(directory);
}

}  // namespace
}  // namespace vmitap::backend::xen
