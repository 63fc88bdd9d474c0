// SPDX-License-Identifier: MIT
#include "types/witness.hpp"

#include <gtest/gtest.h>

namespace vmitap::types {
namespace {

TEST(Witness, IsReadAgainThroughItsPointer) {
  const auto same = parse_witness("VMITAP_SAME(sk, common.hash)");
  ASSERT_TRUE(same);
  EXPECT_EQ(same->pointer, "sk");
  EXPECT_EQ(same->expression, "sk->common.hash");
  EXPECT_FALSE(same->is_count);
  const auto alive = parse_witness("VMITAP_ALIVE( find(a, b) ,refs )");
  ASSERT_TRUE(alive);
  EXPECT_EQ(alive->pointer, "find(a, b)");
  EXPECT_EQ(alive->expression, "find(a, b)->refs");
  EXPECT_TRUE(alive->is_count);
}

TEST(Witness, IsNothingElse) {
  for (const char* text : {"", " ", "sk", "sk->hash", "VMITAP_SAME", "VMITAP_SAME()", "VMITAP_SAME(sk)",
                           "VMITAP_SAME(,)", "VMITAP_SAME(sk,)", "VMITAP_SAME(,hash)", "VMITAP_SAMEsk, hash",
                           "VMITAP_ALIVE(sk, refs", "(VMITAP_SAME(sk, hash))", "VMITAP_SAMENESS(sk, hash)"})
    EXPECT_FALSE(parse_witness(text)) << text;
}

}  // namespace
}  // namespace vmitap::types
