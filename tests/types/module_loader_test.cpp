// SPDX-License-Identifier: MIT
#include "types/module_loader.hpp"

#include <gtest/gtest.h>

namespace vmitap::types {
namespace {

backend::GuestModule subject() {
  backend::GuestModule module;
  module.path = "/opt/subject";
  module.host_path = VMITAP_SUBJECTS "/c-gcc-dwarf5/object";
  return module;
}

TEST(ModuleLoader, ReadsAnObjectOnceHoweverOftenItIsLoaded) {
  ModuleLoader loader{{}};
  const auto first = loader.load(subject());
  ASSERT_TRUE(first) << first.error().hint;
  const auto second = loader.load(subject());
  ASSERT_TRUE(second);
  EXPECT_EQ(*first, *second);
}

TEST(ModuleLoader, RefusesTheThousandthCopyAndNotAnotherObject) {
  ModuleLoader loader{{}};
  for (int i = 0; i < 999; ++i) (void)loader.load(subject());
  const auto copy = loader.load(subject());
  ASSERT_FALSE(copy);
  EXPECT_EQ(copy.error().code, Errc::too_large);
  backend::GuestModule other = subject();
  other.path = "/opt/other";
  EXPECT_TRUE(loader.load(other));
}

TEST(ModuleLoader, LoadsNothingOnceItIsStopped) {
  ModuleLoader loader{{}};
  loader.stop();
  const auto late = loader.load(subject());
  ASSERT_FALSE(late);
  EXPECT_EQ(late.error().code, Errc::timeout);
}

}  // namespace
}  // namespace vmitap::types
