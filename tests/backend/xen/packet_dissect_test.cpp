// SPDX-License-Identifier: MIT
#include "backend/xen/packet_dissect.hpp"

#include <gtest/gtest.h>
#include <netinet/in.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <cstring>
#include <fstream>
#include <functional>
#include <sstream>
#include <string>
#include <vector>

#include "packet_maker.hpp"

namespace vmitap::backend::xen {
namespace {

using test::FrameMaker;

struct packet told(std::span<const std::byte> frame) {
  struct packet packet {};
  dissect(frame, packet);
  return packet;
}

struct packet told(const FrameMaker& frame) {
  return told(frame.frame());
}

bool is(const vmitap_u8 (&address)[16], std::initializer_list<int> bytes) {
  std::array<vmitap_u8, 16> wanted{};
  std::size_t at = 0;
  for (const int byte : bytes) wanted[at++] = static_cast<vmitap_u8>(byte);
  return std::memcmp(address, wanted.data(), wanted.size()) == 0;
}

void expect_tcp(const struct packet& packet, std::uint32_t payload) {
  EXPECT_EQ(packet.ip_protocol, IPPROTO_TCP);
  EXPECT_EQ(packet.source_port, 40000);
  EXPECT_EQ(packet.destination_port, 80);
  EXPECT_EQ(packet.tcp_sequence, 0x01020304u);
  EXPECT_EQ(packet.tcp_acknowledged, 0xa0b0c0d0u);
  EXPECT_EQ(packet.tcp_window, 502);
  EXPECT_EQ(packet.tcp_flags, 0x118);
  EXPECT_EQ(packet.payload, payload);
}

TEST(PacketDissect, tcp_over_ipv4) {
  const struct packet packet =
      told(FrameMaker().ethernet(0x0800).ipv4(IPPROTO_TCP, 20 + 100).tcp().zeroes(100));
  EXPECT_EQ(packet.ether_type, 0x0800);
  EXPECT_EQ(packet.vlan, 0);
  EXPECT_EQ(packet.ip_version, 4);
  EXPECT_EQ(packet.ttl, 61);
  EXPECT_EQ(packet.tos, 0x1c);
  EXPECT_EQ(packet.fragment, PACKET_WHOLE);
  EXPECT_TRUE(is(packet.source, {10, 0, 1, 2}));
  EXPECT_TRUE(is(packet.destination, {10, 0, 1, 1}));
  expect_tcp(packet, 100);
}

TEST(PacketDissect, options_of_ipv4_and_tcp_are_no_payload) {
  expect_tcp(told(FrameMaker().ethernet(0x0800).ipv4(IPPROTO_TCP, 32 + 7, 0, 10).tcp(3).zeroes(7)), 7);
}

TEST(PacketDissect, a_padded_frame_has_the_payload_that_its_header_says) {
  expect_tcp(told(FrameMaker().ethernet(0x0800).ipv4(IPPROTO_TCP, 20).tcp().zeroes(6)), 0);
}

TEST(PacketDissect, the_outermost_of_vlan_tags) {
  const struct packet one =
      told(FrameMaker().ethernet(0x8100).tag(0x6005, 0x0800).ipv4(IPPROTO_TCP, 20).tcp());
  EXPECT_EQ(one.vlan, 0x6005);
  EXPECT_EQ(one.ether_type, 0x0800);
  expect_tcp(one, 0);
  const struct packet two =
      told(FrameMaker().ethernet(0x88a8).tag(7, 0x8100).tag(5, 0x0800).ipv4(IPPROTO_TCP, 20).tcp());
  EXPECT_EQ(two.vlan, 7);
  EXPECT_EQ(two.ether_type, 0x0800);
  expect_tcp(two, 0);
  const struct packet three =
      told(FrameMaker().ethernet(0x88a8).tag(7, 0x8100).tag(6, 0x8100).tag(5, 0x0800));
  EXPECT_EQ(three.vlan, 7);
  EXPECT_EQ(three.ether_type, 0x8100) << "more than two tags nobody looks behind";
}

TEST(PacketDissect, udp_and_those_that_begin_with_ports) {
  const struct packet udp = told(FrameMaker().ethernet(0x0800).ipv4(IPPROTO_UDP, 8 + 9).udp(9).zeroes(9));
  EXPECT_EQ(udp.source_port, 5353);
  EXPECT_EQ(udp.destination_port, 53);
  EXPECT_EQ(udp.payload, 9u);
  EXPECT_EQ(udp.tcp_sequence, 0u);
  const struct packet sctp =
      told(FrameMaker().ethernet(0x0800).ipv4(IPPROTO_SCTP, 12).u16(3).u16(4).u32(0).u32(0));
  EXPECT_EQ(sctp.source_port, 3);
  EXPECT_EQ(sctp.destination_port, 4);
  EXPECT_EQ(sctp.payload, 0u);
  const struct packet ping = told(FrameMaker().ethernet(0x0800).ipv4(IPPROTO_ICMP, 8).u32(0x08000000).u32(0));
  EXPECT_EQ(ping.ip_protocol, IPPROTO_ICMP);
  EXPECT_EQ(ping.source_port, 0);
}

TEST(PacketDissect, fragments_of_ipv4) {
  const struct packet first =
      told(FrameMaker().ethernet(0x0800).ipv4(IPPROTO_UDP, 16, 0x2000).udp(100).zeroes(8));
  EXPECT_EQ(first.fragment, PACKET_FIRST_FRAGMENT);
  EXPECT_EQ(first.source_port, 5353);
  const struct packet later =
      told(FrameMaker().ethernet(0x0800).ipv4(IPPROTO_UDP, 16, 0x0002).udp(100).zeroes(8));
  EXPECT_EQ(later.fragment, PACKET_LATER_FRAGMENT);
  EXPECT_EQ(later.source_port, 0) << "what stands there is no header";
}

TEST(PacketDissect, tcp_over_ipv6) {
  const struct packet packet = told(FrameMaker().ethernet(0x86dd).ipv6(IPPROTO_TCP, 20 + 3).tcp().zeroes(3));
  EXPECT_EQ(packet.ip_version, 6);
  EXPECT_EQ(packet.ttl, 62);
  EXPECT_EQ(packet.tos, 0xab);
  EXPECT_TRUE(is(packet.source, {0xfd, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 1}));
  EXPECT_TRUE(is(packet.destination, {0xfd, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 2}));
  expect_tcp(packet, 3);
}

TEST(PacketDissect, extension_headers_of_ipv6) {
  // Hop by hop of 16 bytes, routing, authentication of 24, destination options.
  FrameMaker frame;
  frame.ethernet(0x86dd).ipv6(IPPROTO_HOPOPTS, 16 + 8 + 24 + 8 + 20 + 5);
  frame.bytes({IPPROTO_ROUTING, 1}).zeroes(14).bytes({IPPROTO_AH, 0}).zeroes(6);
  frame.bytes({IPPROTO_DSTOPTS, 4}).zeroes(22).bytes({IPPROTO_TCP, 0}).zeroes(6).tcp().zeroes(5);
  expect_tcp(told(frame), 5);
}

TEST(PacketDissect, fragments_of_ipv6) {
  const auto fragment = [](unsigned offset) {
    FrameMaker frame;
    frame.ethernet(0x86dd).ipv6(IPPROTO_FRAGMENT, 8 + 8 + 4).bytes({IPPROTO_UDP, 0}).u16(offset).u32(99);
    return told(frame.udp(4).zeroes(4));
  };
  EXPECT_EQ(fragment(1).fragment, PACKET_FIRST_FRAGMENT);
  EXPECT_EQ(fragment(1).source_port, 5353);
  EXPECT_EQ(fragment(1).payload, 4u);
  EXPECT_EQ(fragment(8).fragment, PACKET_LATER_FRAGMENT);
  EXPECT_EQ(fragment(8).ip_protocol, IPPROTO_UDP);
  EXPECT_EQ(fragment(8).source_port, 0);
  EXPECT_EQ(fragment(0).fragment, PACKET_WHOLE) << "an atomic fragment";
  EXPECT_EQ(fragment(0).source_port, 5353);
}

TEST(PacketDissect, what_is_not_ip) {
  const struct packet arp = told(FrameMaker().ethernet(0x0806).zeroes(28));
  EXPECT_EQ(arp.ether_type, 0x0806);
  EXPECT_EQ(arp.ip_version, 0);
  const struct packet lying = told(FrameMaker().ethernet(0x0800).ipv6(IPPROTO_TCP, 20).tcp());
  EXPECT_EQ(lying.ip_version, 0) << "the EtherType says IPv4, the header IPv6";
  const struct packet short_header = told(FrameMaker().ethernet(0x0800).bytes({0x44}).zeroes(30));
  EXPECT_EQ(short_header.ip_version, 0);
}

// Cut short at every byte: what is told is what the whole frame tells, or zero, and never less than before.
void expect_cut(const FrameMaker& made) {
  const auto frame = made.frame();
  const struct packet whole = told(frame);
  const auto bytes_of = [](const struct packet& packet) { return std::as_bytes(std::span(&packet, 1)); };
  for (std::size_t size = 0; size <= frame.size(); ++size) {
    const std::vector<std::byte> copy(frame.begin(), frame.begin() + static_cast<std::ptrdiff_t>(size));
    const struct packet cut = told(copy);
    for (std::size_t at = 0; at < sizeof cut; ++at) {
      const std::byte byte = bytes_of(cut)[at];
      // The protocol of IPv6 is that of the extension header which is missing.
      if (at == offsetof(struct packet, ip_protocol) && whole.ip_version == 6) continue;
      ASSERT_TRUE(byte == std::byte{} || byte == bytes_of(whole)[at]) << size << " bytes, at " << at;
    }
  }
}

TEST(PacketDissect, cut_short_at_every_byte) {
  expect_cut(FrameMaker()
                 .ethernet(0x88a8)
                 .tag(7, 0x8100)
                 .tag(5, 0x0800)
                 .ipv4(IPPROTO_TCP, 32 + 7, 0, 3)
                 .tcp(3)
                 .zeroes(7));
  expect_cut(FrameMaker().ethernet(0x0800).ipv4(IPPROTO_UDP, 8 + 9).udp(9).zeroes(9));
  FrameMaker extended;
  extended.ethernet(0x86dd).ipv6(IPPROTO_HOPOPTS, 8 + 8 + 20).bytes({IPPROTO_FRAGMENT, 0}).zeroes(6);
  extended.bytes({IPPROTO_TCP, 0}).u16(1).u32(99).tcp();
  expect_cut(extended);
}

TEST(PacketDissect, lengths_that_lead_behind_the_end) {
  // An extension header of 2 KiB in a frame of 70 bytes; an IPv4 header of 60 bytes in one of 40.
  const struct packet extended =
      told(FrameMaker().ethernet(0x86dd).ipv6(IPPROTO_HOPOPTS, 16).bytes({IPPROTO_TCP, 255}).zeroes(14));
  EXPECT_EQ(extended.ip_version, 6);
  EXPECT_EQ(extended.source_port, 0);
  FrameMaker odd;
  odd.ethernet(0x0800).bytes({0x4f, 0}).u16(60).zeroes(4).bytes({1, IPPROTO_TCP}).zeroes(20);
  EXPECT_EQ(told(odd).ip_protocol, IPPROTO_TCP);
  EXPECT_EQ(told(odd).source_port, 0);
}

// The odd frames that tests/xen sends through a real netfront, of which its hook says the same.
struct OddFrame {
  std::string name, expected, bytes;
};
void PrintTo(const OddFrame& frame, std::ostream* out) { *out << frame.name; }

class OddFrames : public testing::TestWithParam<OddFrame> {};

std::vector<OddFrame> odd_frames() {
  std::ifstream file(VMITAP_ODD_FRAMES);
  std::vector<OddFrame> frames;
  for (std::string line; std::getline(file, line);) {
    if (line.empty() || line[0] == '#') continue;
    OddFrame frame;
    std::istringstream columns(line);
    for (std::string* column : {&frame.name, &frame.expected, &frame.bytes}) {
      std::getline(columns, *column, '|');
      column->erase(column->find_last_not_of(' ') + 1);
    }
    frames.push_back(frame);
  }
  return frames;
}

// Hexadecimal digits, as often as stands behind a '*'; spaces mean nothing.
std::vector<std::byte> frame_of(const std::string& text) {
  std::vector<std::byte> bytes(12);  // the addresses
  std::istringstream words(text);
  for (std::string word; words >> word;) {
    const std::size_t star = word.find('*');
    const int times = star == std::string::npos ? 1 : std::stoi(word.substr(star + 1));
    const std::string digits = word.substr(0, star);
    for (int i = 0; i < times; ++i)
      for (std::size_t at = 0; at + 1 < digits.size(); at += 2)
        bytes.push_back(static_cast<std::byte>(std::stoi(digits.substr(at, 2), nullptr, 16)));
  }
  return bytes;
}

TEST_P(OddFrames, are_told_as_netfront_hook_tells_them) {
  const auto& [name, expected, text] = GetParam();
  const struct packet packet = told(frame_of(text));
  constexpr std::array<const char*, 3> kFragments{"whole", "first", "later"};
  std::ostringstream is;
  is << ' ' << packet.ether_type << ' ' << packet.vlan << ' ' << +packet.ip_version << ' '
     << +packet.ip_protocol << ' ' << kFragments.at(packet.fragment) << ' ' << packet.source_port << ' '
     << packet.destination_port << ' ' << packet.payload;
  EXPECT_EQ(is.str(), expected);
}

INSTANTIATE_TEST_SUITE_P(PacketDissect, OddFrames, testing::ValuesIn(odd_frames()), [](const auto& frame) {
  std::string name = frame.param.name;
  std::ranges::replace_if(
      name, [](char c) { return std::isalnum(static_cast<unsigned char>(c)) == 0; }, '_');
  return name;
});

}  // namespace
}  // namespace vmitap::backend::xen
