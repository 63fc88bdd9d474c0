// SPDX-License-Identifier: MIT
#include "pipeline/packet_filter.hpp"

#include <gtest/gtest.h>
#include <pcap/pcap.h>

#include <array>
#include <string>
#include <vector>

namespace vmitap::pipeline {
namespace {

// An Ethernet frame with an IPv4 header and the first four bytes of TCP or UDP.
std::vector<std::uint8_t> frame(std::uint8_t protocol, std::uint16_t from, std::uint16_t to) {
  std::vector<std::uint8_t> bytes(54);
  bytes[12] = 0x08;
  bytes[14] = 0x45;
  bytes[17] = 40;
  bytes[23] = protocol;
  bytes[34] = static_cast<std::uint8_t>(from >> 8);
  bytes[35] = static_cast<std::uint8_t>(from);
  bytes[36] = static_cast<std::uint8_t>(to >> 8);
  bytes[37] = static_cast<std::uint8_t>(to);
  return bytes;
}

// By libpcap's own interpreter.
bool passes(const PacketFilter& filter, const std::vector<std::uint8_t>& packet) {
  std::vector<bpf_insn> code;
  for (const vmitap_filter_step& step : filter.steps)
    code.push_back({step.code, step.jump_true, step.jump_false, step.operand});
  const auto size = static_cast<u_int>(packet.size());
  return ::bpf_filter(code.data(), packet.data(), size, size) != 0;
}

TEST(PacketFilter, TakesWhatTcpdumpsLanguageSays) {
  const auto filter = compile_filter("tcp port 80");
  ASSERT_TRUE(filter);
  EXPECT_EQ(filter->text, "tcp port 80");
  EXPECT_TRUE(passes(*filter, frame(6, 1234, 80)));
  EXPECT_TRUE(passes(*filter, frame(6, 80, 1234)));
  EXPECT_FALSE(passes(*filter, frame(6, 1234, 81)));
  EXPECT_FALSE(passes(*filter, frame(17, 1234, 80)));
}

TEST(PacketFilter, TakesTheEmptyOneAsEveryPacket) {
  const auto filter = compile_filter("");
  ASSERT_TRUE(filter);
  EXPECT_TRUE(passes(*filter, frame(1, 0, 0)));
}

TEST(PacketFilter, SaysInLibpcapsWordsWhatIsWrong) {
  const auto filter = compile_filter("tcp prot 80");
  ASSERT_FALSE(filter);
  EXPECT_EQ(filter.error().code, Errc::bad_filter);
  EXPECT_EQ(filter.error().subject, "tcp prot 80");
  EXPECT_NE(filter.error().hint.find("syntax error"), std::string::npos) << filter.error().hint;
}

TEST(PacketFilter, SeesVlanTagsWhereTheyStandInTheFrame) {
  auto tagged = frame(6, 1234, 80);
  tagged.insert(tagged.begin() + 12, {0x81, 0x00, 0x00, 0x05});
  const auto five = compile_filter("vlan 5 and tcp port 80");
  const auto six = compile_filter("vlan 6");
  const auto none = compile_filter("tcp port 80");
  ASSERT_TRUE(five && six && none);
  EXPECT_TRUE(passes(*five, tagged));
  EXPECT_FALSE(passes(*five, frame(6, 1234, 80)));
  EXPECT_FALSE(passes(*six, tagged));
  EXPECT_FALSE(passes(*none, tagged)) << "as tcpdump has it: behind a tag only what names the tag looks";
}

TEST(PacketFilter, RefusesWhatDoesNotStandInTheFrame) {
  for (const char* text : {"inbound", "outbound and tcp"}) {
    const auto filter = compile_filter(text);
    ASSERT_FALSE(filter) << text;
    EXPECT_EQ(filter.error().code, Errc::bad_filter);
    EXPECT_NE(filter.error().hint.find("packet.rx"), std::string::npos) << filter.error().hint;
  }
  EXPECT_TRUE(compile_filter("greater 1000 and ether broadcast"));
}

TEST(PacketFilter, RefusesLoops) {
  const auto filter = compile_filter("ip6 protochain 17");
  ASSERT_FALSE(filter);
  EXPECT_EQ(filter.error().code, Errc::bad_filter);
  EXPECT_NE(filter.error().hint.find("loop"), std::string::npos) << filter.error().hint;
  EXPECT_TRUE(compile_filter("ip6 proto 17"));
}

TEST(PacketFilter, RefusesWhatTheGuestDoesNotTake) {
  std::string text = "arp";
  for (int i = 0; i < 200; ++i) text += " or ether[" + std::to_string(i) + "] = 7";
  const auto filter = compile_filter(text);
  ASSERT_FALSE(filter);
  EXPECT_EQ(filter.error().code, Errc::too_large);
  EXPECT_EQ(filter.error().number, VMITAP_FILTER_MAX);
  EXPECT_LT(filter.error().subject.size(), 80U) << "the filter itself is long";
}

}  // namespace
}  // namespace vmitap::pipeline
