// SPDX-License-Identifier: MIT
#include "sink/connection.hpp"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <string>

namespace vmitap::sink {
namespace {

using Json = nlohmann::ordered_json;

constexpr const char* kGuest = "0a4d0102000000000000000000000000";
constexpr const char* kPeer = "0a4d0101000000000000000000000000";

Json sent() {
  return {{"direction", "PACKET_SENT"}, {"ip_version", 4u},     {"ip_protocol", 6u},
          {"source", kGuest},           {"destination", kPeer}, {"source_port", 43690u},
          {"destination_port", 5001u}};
}

TEST(Connection, HasOneNameInBothDirections) {
  EXPECT_EQ(connection_text(sent()), "tcp 10.77.1.2:43690 <-> 10.77.1.1:5001");
  Json received = sent();
  received["direction"] = "PACKET_RECEIVED";
  std::swap(received["source"], received["destination"]);
  std::swap(received["source_port"], received["destination_port"]);
  EXPECT_EQ(connection_text(received), connection_text(sent()));
}

TEST(Connection, PutsIpv6InBrackets) {
  Json packet = sent();
  packet["ip_version"] = 6u;
  packet["ip_protocol"] = 17u;
  packet["source"] = "fe800000000000000000000000000001";
  packet["destination"] = "ff020000000000000000000000010002";
  EXPECT_EQ(connection_text(packet), "udp [fe80::1]:43690 <-> [ff02::1:2]:5001");
}

TEST(Connection, IsNoneOfWhatHasNoPorts) {
  for (const auto& [name, value] :
       std::initializer_list<std::pair<const char*, Json>>{{"ip_protocol", 1u},
                                                           {"ip_version", 0u},
                                                           {"ip_version", "4"},
                                                           {"source", "0a4d"},
                                                           {"source", "xy"},
                                                           {"destination", 7u},
                                                           {"destination", Json::object()}}) {
    Json packet = sent();
    packet[name] = value;
    EXPECT_EQ(connection_text(packet), "") << name << " " << value;
  }
  Json fragment = sent();
  fragment["source_port"] = fragment["destination_port"] = 0u;
  EXPECT_EQ(connection_text(fragment), "");
  EXPECT_EQ(connection_text(Json(3u)), "");
  EXPECT_EQ(connection_text(Json()), "");
}

}  // namespace
}  // namespace vmitap::sink
