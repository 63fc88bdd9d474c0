// SPDX-License-Identifier: MIT
#include "backend/control_message.hpp"

#include <gtest/gtest.h>

#include <cstring>
#include <functional>
#include <string>

namespace vmitap::backend::local {
namespace {

using namespace std::string_literals;

template <class Body>
std::string packet(std::uint32_t type, const Body& body, const std::string& tail = "") {
  const vmitap_message header{type,
                              static_cast<std::uint32_t>(sizeof(vmitap_message) + sizeof body + tail.size())};
  return std::string(reinterpret_cast<const char*>(&header), sizeof header) +
         std::string(reinterpret_cast<const char*>(&body), sizeof body) + tail;
}

std::string bare(std::uint32_t type) {
  const vmitap_message header{type, sizeof(vmitap_message)};
  return std::string(reinterpret_cast<const char*>(&header), sizeof header);
}

Result<ControlMessage> parse(const std::string& bytes) {
  return parse_control_message(std::as_bytes(std::span(bytes)));
}

vmitap_welcome a_welcome() {
  vmitap_welcome welcome{};
  welcome.magic = VMITAP_CONTROL_MAGIC;
  welcome.abi_version = VMITAP_CONTROL_ABI_VERSION;
  std::memcpy(welcome.name, "lwip", 4);
  return welcome;
}

vmitap_module a_module() {
  vmitap_module module{};
  module.id = 3;
  module.build_id_size = 4;
  module.load_bias = 0x10000;
  module.start = 0x10000;
  module.end = 0x20000;
  std::memcpy(module.build_id, "\xde\xad\xbe\x0f", 4);
  return module;
}

vmitap_site a_site() {
  vmitap_site site{};
  site.id = 7;
  site.module = 3;
  site.address = 0x11000;
  site.size = 16;
  site.line = 42;
  site.arguments = 2;
  return site;
}

TEST(ControlMessage, ReadsEachKind) {
  auto captured = a_welcome();
  captured.captured_by = 99;
  const auto welcome = parse(packet(VMITAP_WELCOME, captured));
  ASSERT_TRUE(welcome.has_value());
  EXPECT_EQ(std::get<Welcome>(*welcome).name, "lwip");
  EXPECT_EQ(std::get<Welcome>(*welcome).captured_by, 99u);

  const auto module = parse(packet(VMITAP_MODULE, a_module(), "/bin/guest"));
  ASSERT_TRUE(module.has_value());
  EXPECT_EQ(std::get<GuestModule>(*module).path, "/bin/guest");
  EXPECT_EQ(std::get<GuestModule>(*module).build_id, "deadbe0f");
  EXPECT_EQ(std::get<GuestModule>(*module).start.value, 0x10000u);

  for (const std::string& text : {"tick\0i\0p->x"s, "tick\0i\0p->x\0"s}) {
    const auto trigger = parse(packet(VMITAP_TRIGGER_SITE, a_site(), text));
    ASSERT_TRUE(trigger.has_value());
    const auto& site = std::get<GuestSite>(*trigger);
    EXPECT_TRUE(site.is_trigger);
    EXPECT_EQ(site.name, "tick");
    EXPECT_EQ(site.arguments, (std::vector<std::string>{"i", "p->x"}));
    EXPECT_EQ(site.line, 42u);
  }
  auto with_packet = a_site();
  with_packet.arguments |= VMITAP_SITE_PACKET;
  const auto packets = parse(packet(VMITAP_TRIGGER_SITE, with_packet, "packet.rx\0packet\0sk"s));
  ASSERT_TRUE(packets.has_value());
  EXPECT_TRUE(std::get<GuestSite>(*packets).has_packet);
  EXPECT_EQ(std::get<GuestSite>(*packets).arguments, (std::vector<std::string>{"packet", "sk"}));
  with_packet.arguments |= 0x200;
  EXPECT_FALSE(parse(packet(VMITAP_TRIGGER_SITE, with_packet, "packet.rx\0packet\0sk"s)).has_value());
  auto marked = a_site();
  marked.arguments = 0;
  marked.variable = 0x12000;
  const auto mark = parse(packet(VMITAP_MARK_SITE, marked, "conn"));
  ASSERT_TRUE(mark.has_value());
  EXPECT_FALSE(std::get<GuestSite>(*mark).is_trigger);
  EXPECT_EQ(std::get<GuestSite>(*mark).variable.value, 0x12000u);

  EXPECT_TRUE(std::holds_alternative<Listed>(*parse(bare(VMITAP_LISTED))));
  EXPECT_TRUE(std::holds_alternative<Attached>(*parse(bare(VMITAP_ATTACHED))));
  EXPECT_TRUE(std::holds_alternative<Done>(*parse(bare(VMITAP_DONE))));
  EXPECT_TRUE(std::holds_alternative<Changed>(*parse(bare(VMITAP_CHANGED))));
  EXPECT_EQ(std::get<Refused>(*parse(packet(VMITAP_REFUSED, vmitap_refused{2, 5}))).detail, 5u);
}

TEST(ControlMessage, AWelcomeOfAnotherVersionStillTellsWhich) {
  auto other = a_welcome();
  other.abi_version = 9;
  const auto welcome = parse(packet(VMITAP_WELCOME, other, "and more"));
  ASSERT_TRUE(welcome.has_value());
  EXPECT_EQ(std::get<Welcome>(*welcome).abi_version, 9u);
}

TEST(ControlMessage, AnArgumentAsSomebodyTypedItIsMadePrintable) {
  const auto trigger = parse(packet(VMITAP_TRIGGER_SITE, a_site(), "tick\0i\t+ 1\0p->x"s));
  ASSERT_TRUE(trigger.has_value());
  EXPECT_EQ(std::get<GuestSite>(*trigger).arguments, (std::vector<std::string>{"i\\x09+ 1", "p->x"}));
}

TEST(ControlMessage, ANameMayFillItsFieldAndIsMadePrintable) {
  auto full = a_welcome();
  std::memset(full.name, 'x', sizeof full.name);
  EXPECT_EQ(std::get<Welcome>(*parse(packet(VMITAP_WELCOME, full))).name, std::string(VMITAP_NAME_MAX, 'x'));
  auto bad = a_welcome();
  std::memcpy(bad.name, "\x1b[2J", 5);
  EXPECT_EQ(std::get<Welcome>(*parse(packet(VMITAP_WELCOME, bad))).name, "\\x1b[2J");
}

void refused(const std::string& bytes) {
  const auto parsed = parse(bytes);
  ASSERT_FALSE(parsed.has_value());
  EXPECT_EQ(parsed.error().code, Errc::protocol);
  EXPECT_FALSE(parsed.error().subject.empty());
}

template <class Body>
void refused_with(std::uint32_t type, Body body, const std::function<void(Body&)>& spoil,
                  const std::string& tail) {
  spoil(body);
  refused(packet(type, body, tail));
}

TEST(ControlMessage, RefusesWhatBreaksTheContract) {
  refused("");
  refused("short");
  refused(bare(0));
  refused(bare(77));
  refused(bare(VMITAP_LIST));  // what only a host says
  refused(packet(VMITAP_LISTED, std::uint32_t{0}));
  refused(packet(VMITAP_REFUSED, std::uint32_t{0}));
  refused(bare(VMITAP_WELCOME));
  refused(bare(VMITAP_MODULE));
  refused(bare(VMITAP_TRIGGER_SITE));
  std::string longer = bare(VMITAP_DONE);
  refused(longer + "x");
  std::string lying = packet(VMITAP_MODULE, a_module(), "/bin/guest");
  refused(lying.substr(0, lying.size() - 1));

  refused_with<vmitap_welcome>(
      VMITAP_WELCOME, a_welcome(), [](auto& w) { w.magic = 0; }, "");
  refused(packet(VMITAP_WELCOME, a_welcome(), "more"));
  const auto nothing = [](auto&) {};
  refused_with<vmitap_module>(VMITAP_MODULE, a_module(), nothing, "");
  refused_with<vmitap_module>(VMITAP_MODULE, a_module(), nothing, "not/absolute");
  refused_with<vmitap_module>(VMITAP_MODULE, a_module(), nothing, "/bin/a\0b"s);
  refused_with<vmitap_module>(VMITAP_MODULE, a_module(), nothing, "/" + std::string(5000, 'a'));
  refused_with<vmitap_module>(
      VMITAP_MODULE, a_module(), [](auto& m) { m.build_id_size = 65; }, "/bin/a");
  refused_with<vmitap_module>(
      VMITAP_MODULE, a_module(), [](auto& m) { m.end = m.start; }, "/bin/a");

  refused_with<vmitap_site>(VMITAP_TRIGGER_SITE, a_site(), nothing, "tick\0i"s);
  refused_with<vmitap_site>(VMITAP_TRIGGER_SITE, a_site(), nothing, "tick\0i\0j\0k"s);
  refused_with<vmitap_site>(VMITAP_TRIGGER_SITE, a_site(), nothing, "tick\0\0j"s);
  refused_with<vmitap_site>(VMITAP_TRIGGER_SITE, a_site(), nothing, "\0i\0j"s);
  refused_with<vmitap_site>(VMITAP_TRIGGER_SITE, a_site(), nothing, "ti\nck\0i\0j"s);
  refused_with<vmitap_site>(
      VMITAP_TRIGGER_SITE, a_site(), [](auto& s) { s.arguments = ~0u; }, "tick\0i\0j"s);
  refused_with<vmitap_site>(
      VMITAP_TRIGGER_SITE, a_site(), [](auto& s) { s.size = 1u << 20; }, "tick\0i\0j"s);
  refused_with<vmitap_site>(VMITAP_MARK_SITE, a_site(), nothing, "conn\0i\0j"s);
  const auto wraps = [](auto& s) {
    s.arguments = 0;
    s.variable = ~std::uint64_t{0};
  };
  refused_with<vmitap_site>(VMITAP_MARK_SITE, a_site(), wraps, "conn");
}

GuestCatalog a_catalog() {
  GuestCatalog catalog;
  catalog.modules.push_back(std::get<GuestModule>(*parse(packet(VMITAP_MODULE, a_module(), "/bin/guest"))));
  catalog.sites.push_back(std::get<GuestSite>(*parse(packet(VMITAP_TRIGGER_SITE, a_site(), "tick\0i\0j"s))));
  return catalog;
}

TEST(ControlMessage, RefusesCatalogsThatContradictThemselves) {
  EXPECT_TRUE(check_catalog(a_catalog()).has_value());
  auto catalog = a_catalog();
  catalog.modules.push_back(catalog.modules[0]);
  EXPECT_FALSE(check_catalog(catalog).has_value());
  catalog = a_catalog();
  catalog.sites.push_back(catalog.sites[0]);
  EXPECT_FALSE(check_catalog(catalog).has_value());
  catalog = a_catalog();
  catalog.sites[0].module = 4;
  EXPECT_FALSE(check_catalog(catalog).has_value());
  catalog = a_catalog();
  catalog.sites[0].descriptor = catalog.modules[0].end;
  EXPECT_FALSE(check_catalog(catalog).has_value());
}

}  // namespace
}  // namespace vmitap::backend::local
