// SPDX-License-Identifier: MIT
#include "base/nearest.hpp"

#include <gtest/gtest.h>

#include <vector>

namespace vmitap {
namespace {

using Names = std::vector<std::string_view>;

TEST(Nearest, FindsTheNameThatWasMeant) {
  const Names known = {"cwnd", "ssthresh", "snd_nxt", "snd_buf", "rto", "lastack"};
  EXPECT_EQ(nearest("cwdn", known), "cwnd");         // swapped
  EXPECT_EQ(nearest("sstresh", known), "ssthresh");  // left out
  EXPECT_EQ(nearest("sndd_nxt", known), "snd_nxt");  // put in
  EXPECT_EQ(nearest("snd_bug", known), "snd_buf");   // replaced
  EXPECT_EQ(nearest("CWND", known), "cwnd");
  EXPECT_EQ(nearest("LastAck", known), "lastack");
}

TEST(Nearest, KeepsSilentWhenNothingIsNear) {
  EXPECT_EQ(nearest("window", Names{"cwnd", "rto"}), "");
  EXPECT_EQ(nearest("x", Names{"y"}), "");
  EXPECT_EQ(nearest("", Names{"cwnd"}), "");
  EXPECT_EQ(nearest("cwnd", Names{}), "");
  EXPECT_EQ(nearest("cwnd", Names{""}), "");
}

TEST(Nearest, FindsANameThatWasBegun) {
  EXPECT_EQ(nearest("ssth", Names{"rto", "ssthresh"}), "ssthresh");
  EXPECT_EQ(nearest("tcp_pcb", Names{"tcp_pcb_listen_and_all_that", "pcb"}), "tcp_pcb_listen_and_all_that");
}

TEST(Nearest, PrefersTheNearerAndThenTheFirst) {
  EXPECT_EQ(nearest("alpha1", Names{"alpha", "alpha1x", "alpha1"}), "alpha1");
  EXPECT_EQ(nearest("abcd", Names{"abce", "abcf"}), "abce");
}

TEST(Nearest, LongNamesCostNoMoreThanTheirStart) {
  const std::string longer(100000, 'a');
  EXPECT_EQ(nearest(longer, Names{longer}), longer);
}

TEST(Nearest, IsFoundAmongManyThatAreNot) {
  Names known(200000, "a_name_of_some_length");
  known.emplace_back("task_struct");
  EXPECT_EQ(nearest("task_strct", known), "task_struct");
}

// Only far into each of these is it seen that it is none.
TEST(Nearest, GivesUpAmongMoreNamesThanAnyoneHas) {
  const std::string name(256, 'a');
  const std::string other = std::string(80, 'b') + std::string(96, 'a') + std::string(80, 'b');
  Names known(100000, other);
  known.emplace_back(name);
  EXPECT_EQ(nearest(name, known), "");
}

}  // namespace
}  // namespace vmitap
