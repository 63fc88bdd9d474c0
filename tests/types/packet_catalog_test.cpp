// SPDX-License-Identifier: MIT
// What the compiler says of struct packet is what this compiler lays out.
#include "types/packet_catalog.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstddef>

#include "types/object.hpp"
#include "vmitap/packet_abi.h"

namespace vmitap::types {
namespace {

TEST(PacketCatalog, its_triggers_take_a_struct_packet) {
  const auto catalog = packet_catalog();
  ASSERT_TRUE(catalog) << catalog.error().hint;
  ASSERT_EQ((*catalog)->triggers.size(), 2u);
  for (const TriggerSite& site : (*catalog)->triggers) {
    EXPECT_EQ(site.arguments_size, sizeof(packet));
    ASSERT_EQ(site.arguments.size(), 1u);
    EXPECT_EQ(site.arguments[0].name, "packet");
    EXPECT_EQ((*catalog)->spelling(site.arguments[0].type), "struct packet");
  }
  EXPECT_EQ((*catalog)->triggers[0].name, "packet.rx");
  EXPECT_EQ((*catalog)->triggers[0].descriptor.value, static_cast<std::uint64_t>(PACKET_RECEIVED));
  EXPECT_EQ((*catalog)->triggers[1].name, "packet.tx");
  EXPECT_FALSE((*catalog)->build_id.empty());
}

TEST(PacketCatalog, members_stand_where_they_are) {
  const auto catalog = packet_catalog();
  ASSERT_TRUE(catalog);
  const Type& type = (**catalog)[(*catalog)->find("struct packet")];
  EXPECT_EQ(type.size, sizeof(packet));
  const auto expect_at = [&](const char* name, std::size_t offset, std::size_t size) {
    const auto member = std::ranges::find(type.members, name, &Member::name);
    ASSERT_NE(member, type.members.end()) << name;
    EXPECT_EQ(member->offset, offset) << name;
    EXPECT_EQ((**catalog)[member->type].size, size) << name;
  };
#define EXPECT_MEMBER(name) expect_at(#name, offsetof(packet, name), sizeof(packet::name))
  EXPECT_MEMBER(direction);
  EXPECT_MEMBER(length);
  EXPECT_MEMBER(linear);
  EXPECT_MEMBER(queue);
  EXPECT_MEMBER(ether_type);
  EXPECT_MEMBER(vlan);
  EXPECT_MEMBER(gso_size);
  EXPECT_MEMBER(gso_segments);
  EXPECT_MEMBER(checksum_start);
  EXPECT_MEMBER(checksum);
  EXPECT_MEMBER(fragment);
  EXPECT_MEMBER(ip_version);
  EXPECT_MEMBER(ip_protocol);
  EXPECT_MEMBER(ttl);
  EXPECT_MEMBER(tos);
  EXPECT_MEMBER(source);
  EXPECT_MEMBER(destination);
  EXPECT_MEMBER(source_port);
  EXPECT_MEMBER(destination_port);
  EXPECT_MEMBER(tcp_sequence);
  EXPECT_MEMBER(tcp_acknowledged);
  EXPECT_MEMBER(tcp_window);
  EXPECT_MEMBER(tcp_flags);
  EXPECT_MEMBER(payload);
  EXPECT_MEMBER(interface);
  EXPECT_MEMBER(device);
#undef EXPECT_MEMBER
  EXPECT_EQ(type.members.size(), 26u);
}

TEST(PacketCatalog, addresses_are_bytes_and_names_are_text) {
  const auto catalog = packet_catalog();
  ASSERT_TRUE(catalog);
  const Type& type = (**catalog)[(*catalog)->find("struct packet")];
  const auto element = [&](const char* name) {
    const Type& array = (**catalog)[std::ranges::find(type.members, name, &Member::name)->type];
    return (**catalog)[(*catalog)->strip(array.target)].kind;
  };
  EXPECT_EQ(element("source"), Kind::integer);
  EXPECT_EQ(element("destination"), Kind::integer);
  EXPECT_EQ(element("device"), Kind::character);
}

TEST(PacketCatalog, enumerators_keep_their_names) {
  const auto catalog = packet_catalog();
  ASSERT_TRUE(catalog);
  const Type& type = (**catalog)[(*catalog)->find("enum packet_direction")];
  ASSERT_EQ(type.enumerators.size(), 2u);
  EXPECT_EQ(type.enumerators[0].name, "PACKET_RECEIVED");
  EXPECT_EQ(type.enumerators[1].name, "PACKET_SENT");
  EXPECT_EQ(type.enumerators[1].value, PACKET_SENT);
}

TEST(PacketCatalog, no_guest_can_name_it) {
  backend::GuestModule module;
  module.path = "vmitap/packet_abi.h";
  module.build_id = (*packet_catalog())->build_id;
  EXPECT_FALSE(load_module(module, {}));
  module.is_packet_abi = true;
  const auto loaded = load_module(module, {});
  ASSERT_TRUE(loaded);
  EXPECT_EQ(*loaded, *packet_catalog());
}

}  // namespace
}  // namespace vmitap::types
