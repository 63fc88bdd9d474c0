// SPDX-License-Identifier: MIT
#include "cli/table.hpp"

#include <gtest/gtest.h>

namespace vmitap::cli {
namespace {

TEST(Table, LinesUpColumnsByWhatATerminalShows) {
  Table table("lrl");
  table.add({"NAME", "TIME", "X"});
  table.add({"a", "12.3 µs", "long"});
  table.add({"bcdefg", "1 ns", ""});
  EXPECT_EQ(table.text("- "),
            "- NAME       TIME  X\n"
            "- a       12.3 µs  long\n"
            "- bcdefg     1 ns\n");
}

}  // namespace
}  // namespace vmitap::cli
