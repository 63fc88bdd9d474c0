// SPDX-License-Identifier: MIT
#include "backend/xen/catalog.hpp"

#include <gtest/gtest.h>

#include <cstring>
#include <string>

#include "vmitap/control_abi.h"

namespace vmitap::backend::xen {
namespace {

using namespace std::string_literals;

template <class Body>
std::string message(std::uint32_t type, const Body& body, const std::string& tail) {
  const vmitap_message header{type,
                              static_cast<std::uint32_t>(sizeof(vmitap_message) + sizeof body + tail.size())};
  std::string bytes(reinterpret_cast<const char*>(&header), sizeof header);
  bytes += std::string(reinterpret_cast<const char*>(&body), sizeof body) + tail;
  bytes.resize((bytes.size() + 7) & ~std::size_t{7});
  return bytes;
}

std::string listed() {
  const vmitap_message header{VMITAP_LISTED, sizeof header};
  return {reinterpret_cast<const char*>(&header), sizeof header};
}

std::string module_message() {
  vmitap_module module{};
  module.id = 1;
  module.load_bias = 0xffffffffc0001000;
  module.start = 0xffffffffc0000000;
  module.end = 0xffffffffc0004000;
  return message(VMITAP_MODULE, module, "vmitap_example");
}

std::string mark_message(std::uint32_t flags = 0) {
  vmitap_site site{};
  site.module = 1;
  site.address = 0xffffffffc0001040;
  site.variable = 0xffffffffc0002000;
  site.size = 8;
  site.arguments = flags;
  return message(VMITAP_MARK_SITE, site, "stations"s);
}

Result<GuestCatalog> parse(const std::string& bytes) {
  return parse_catalog(std::as_bytes(std::span(bytes)));
}

TEST(XenCatalog, ReadsMessagesThatStandBackToBack) {
  const auto catalog =
      parse(module_message() + mark_message() + listed() + "what stands behind does not count"s);
  ASSERT_TRUE(catalog) << catalog.error().subject;
  ASSERT_EQ(catalog->modules.size(), 1u);
  EXPECT_EQ(catalog->modules[0].path, "vmitap_example");
  ASSERT_EQ(catalog->sites.size(), 1u);
  EXPECT_EQ(catalog->sites[0].name, "stations");
  EXPECT_FALSE(catalog->sites[0].per_cpu);
}

TEST(XenCatalog, TellsAPerCpuMark) {
  const auto catalog = parse(module_message() + mark_message(VMITAP_SITE_PER_CPU) + listed());
  ASSERT_TRUE(catalog);
  EXPECT_TRUE(catalog->sites[0].per_cpu);
}

TEST(XenCatalog, RefusesAMarkOfAKindThatItDoesNotKnow) {
  EXPECT_FALSE(parse(module_message() + mark_message(0x80) + listed()));
}

// 4 MiB of letters became 48 MiB in the host.
TEST(XenCatalog, RefusesTheMostArgumentsThatItsPagesHold) {
  vmitap_site site{};
  site.module = 1;
  site.address = 0xffffffffc0001040;
  site.arguments = 64;
  std::string text = "t"s;
  for (int i = 0; i < 64; ++i) text += "\0a"s;
  std::string bytes = module_message();
  while (bytes.size() < (std::size_t{4} << 20)) {
    ++site.id;
    bytes += message(VMITAP_TRIGGER_SITE, site, text);
  }
  const auto catalog = parse(bytes + listed());
  ASSERT_FALSE(catalog);
  EXPECT_EQ(catalog.error().subject, "the guest says too much of its sites");
}

TEST(XenCatalog, RefusesACatalogCutOffAnywhere) {
  const std::string whole = module_message() + mark_message() + listed();
  for (std::size_t size = 0; size < whole.size(); ++size) {
    const auto catalog = parse(whole.substr(0, size));
    ASSERT_FALSE(catalog) << size;
    EXPECT_EQ(catalog.error().code, Errc::protocol);
  }
}

TEST(XenCatalog, RefusesSizesThatLie) {
  for (const std::uint32_t size : {0u, 7u, 0xffffffffu, 4096u}) {
    std::string bytes = module_message() + mark_message() + listed();
    std::memcpy(bytes.data() + offsetof(vmitap_message, size), &size, sizeof size);
    EXPECT_FALSE(parse(bytes)) << size;
  }
}

TEST(XenCatalog, RefusesASiteOfAModuleThatWasNotNamed) { EXPECT_FALSE(parse(mark_message() + listed())); }

}  // namespace
}  // namespace vmitap::backend::xen
