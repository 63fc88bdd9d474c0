// SPDX-License-Identifier: MIT
#include "base/printable.hpp"

#include <gtest/gtest.h>

namespace vmitap {
namespace {

TEST(Printable, LeavesTextAsItIs) {
  for (const char* text : {"", "conn->cwnd", "C:\\path", "größe", "日本語", "\U0001f40c"}) {
    EXPECT_EQ(printable(text), text);
    EXPECT_TRUE(is_printable(text));
  }
}

TEST(Printable, SpellsOutWhatATerminalObeys) {
  EXPECT_EQ(printable("a\x1b[2Jb"), "a\\x1b[2Jb");
  EXPECT_EQ(printable("line\nline\r\t\x7f"), "line\\x0aline\\x0d\\x09\\x7f");
  EXPECT_EQ(printable(std::string_view("a\0b", 3)), "a\\x00b");
  EXPECT_EQ(printable("\u009b31m"), "\\u{009b}31m");  // CSI as one C1 character
  EXPECT_FALSE(is_printable("a\nb"));
}

TEST(Printable, SpellsOutWhatTurnsTextAround) {
  EXPECT_EQ(printable("a\u202eb"), "a\\u{202e}b");
  EXPECT_EQ(printable("a\u2066b\u2028"), "a\\u{2066}b\\u{2028}");
}

TEST(Printable, SpellsOutNoncharacters) {
  EXPECT_EQ(printable("a\uffffb\ufffe\ufdd0\U0001ffff"), "a\\u{ffff}b\\u{fffe}\\u{fdd0}\\u{1ffff}");
  EXPECT_EQ(printable("\ufffd\ufdcf\ufdf0"), "\ufffd\ufdcf\ufdf0");
}

TEST(Printable, SpellsOutBytesThatAreNoUtf8) {
  EXPECT_EQ(printable("\xff\xfe"), "\\xff\\xfe");
  EXPECT_EQ(printable("a\xc3"), "a\\xc3");                  // cut off
  EXPECT_EQ(printable("\xc0\xaf"), "\\xc0\\xaf");           // overlong
  EXPECT_EQ(printable("\xe0\x80\xaf"), "\\xe0\\x80\\xaf");  // overlong
  EXPECT_EQ(printable("\xed\xa0\x80"), "\\xed\\xa0\\x80");  // a surrogate
  EXPECT_EQ(printable("\xf5\x80\x80\x80"), "\\xf5\\x80\\x80\\x80");
  EXPECT_FALSE(is_printable("\xff"));
}

TEST(Printable, IsStable) {
  for (int first = 0; first < 256; ++first) {
    for (int second = 0; second < 256; ++second) {
      const std::string text = {static_cast<char>(first), static_cast<char>(second)};
      const std::string once = printable(text);
      EXPECT_TRUE(is_printable(once));
      EXPECT_EQ(printable(once), once);
      EXPECT_EQ(is_printable(text), once == text);
    }
  }
}

}  // namespace
}  // namespace vmitap
