// SPDX-License-Identifier: MIT
#include "types/kernel_symbols.hpp"

#include <gtest/gtest.h>

#include <random>

#include "kernel_maker.hpp"
#include "types/vmcoreinfo.hpp"

namespace vmitap::types {
namespace {

class Symbols : public testing::Test {
 protected:
  void SetUp() override {
    maker.symbol("__per_cpu_start", 0, 'A');
    maker.symbol("runqueues", 0x2f000, 'A');
    maker.symbol("_text", KernelMaker::kText, 'T');
    maker.symbol("init_task", KernelMaker::kText + 0x1613940);
    maker.symbol("__init_begin", KernelMaker::kText + 0x1800000);
    maker.symbol("once", KernelMaker::kText + 0x10, 'd');
    maker.symbol("once", KernelMaker::kText + 0x20, 'd');
  }
  Result<KernelSymbols> read() { return KernelSymbols::read(maker.vmcoreinfo, maker.memory.reader()); }
  std::uint64_t address(const KernelSymbols& symbols, std::string_view name) {
    const auto found = symbols.named(name);
    return found.size() == 1 ? found[0].address : 0xbad;
  }
  void expect_error(Errc code) {
    const auto symbols = read();
    ASSERT_FALSE(symbols);
    EXPECT_EQ(static_cast<int>(symbols.error().code), static_cast<int>(code)) << symbols.error().subject;
  }

  KernelMaker maker;
};

TEST_F(Symbols, AreReadWithTheirKindsAndAddresses) {
  maker.write_symbols();
  const auto symbols = read();
  ASSERT_TRUE(symbols) << symbols.error().subject;
  EXPECT_EQ(symbols->size(), 7u);
  EXPECT_EQ(address(*symbols, "_text"), KernelMaker::kText);
  EXPECT_EQ(symbols->named("_text")[0].kind, 'T');
  EXPECT_EQ(address(*symbols, "init_task"), KernelMaker::kText + 0x1613940);
  EXPECT_EQ(address(*symbols, "__init_begin"), KernelMaker::kText + 0x1800000);
  EXPECT_EQ(address(*symbols, "runqueues"), 0x2f000u) << "absolute";
  EXPECT_EQ(address(*symbols, "__per_cpu_start"), 0u);
  EXPECT_EQ(symbols->named("once").size(), 2u);
  EXPECT_TRUE(symbols->named("twice").empty());
  EXPECT_EQ(symbols->nearest_to("init_tsk"), "init_task");
}

TEST_F(Symbols, AreRelativeWhereNoneIsAbsolute) {
  KernelMaker other;
  other.absolute_per_cpu = false;
  other.symbol("_text", KernelMaker::kText, 'T');
  other.symbol("late", KernelMaker::kText + 0x70000000);
  other.write_symbols();
  const auto symbols = KernelSymbols::read(other.vmcoreinfo, other.memory.reader());
  ASSERT_TRUE(symbols);
  EXPECT_EQ(address(*symbols, "late"), KernelMaker::kText + 0x70000000);
}

TEST_F(Symbols, MayHaveLongNames) {
  const std::string at_limit(127, 'q');
  const std::string longer(128, 'q');
  const std::string longest(511, 'q');
  maker.symbol(at_limit.substr(1), KernelMaker::kText + 1);  // with its kind 127 tokens: one byte of length
  maker.symbol(longer, KernelMaker::kText + 2);
  maker.symbol(longest, KernelMaker::kText + 3);
  maker.symbol("behind", KernelMaker::kText + 4);
  maker.write_symbols();
  const auto symbols = read();
  ASSERT_TRUE(symbols) << symbols.error().subject;
  EXPECT_EQ(address(*symbols, at_limit.substr(1)), KernelMaker::kText + 1);
  EXPECT_EQ(address(*symbols, longer), KernelMaker::kText + 2);
  EXPECT_EQ(address(*symbols, longest), KernelMaker::kText + 3);
  EXPECT_EQ(address(*symbols, "behind"), KernelMaker::kText + 4);
}

TEST_F(Symbols, OfKernelsThatDoNotTellWhereTheyAreAreNotGuessed) {
  maker.write_symbols();
  maker.vmcoreinfo.replace(maker.vmcoreinfo.find("SYMBOL(kallsyms_names)"), 22, "SYMBOL(kallsyms_nomes)");
  expect_error(Errc::unsupported);
}

TEST_F(Symbols, ThatCannotBeReadAreAnError) {
  maker.write_symbols();
  maker.memory.at(maker.table("kallsyms_token_index")).resize(100);
  expect_error(Errc::unreadable_memory);
}

TEST_F(Symbols, ThatContradictThemselvesAreAnError) {
  maker.write_symbols();
  const auto broken = [&](const char* table, std::size_t at, std::uint8_t value) {
    auto& byte = maker.memory.at(maker.table(table)).at(at);
    const std::byte before = std::exchange(byte, std::byte{value});
    expect_error(Errc::protocol);
    byte = before;
  };
  broken("kallsyms_num_syms", 3, 0xff);
  broken("kallsyms_num_syms", 0, 200);  // more than there are names
  broken("kallsyms_names", 0, 0x7f);    // the first runs into the others, the last out of the table
  broken("kallsyms_token_index", 1, 0xff);
  maker.memory.at(maker.table("kallsyms_num_syms")).at(0) = std::byte{0};
  expect_error(Errc::protocol);
}

// Bytes changed at random, always the same ones: an error or symbols, never anything else.
TEST_F(Symbols, HoldUpAgainstDamage) {
  maker.write_symbols();
  std::mt19937 random{20240607};
  int read_well = 0;
  for (int round = 0; round < 2000; ++round) {
    KernelMaker damaged = maker;
    for (const char* table :
         {"kallsyms_names", "kallsyms_token_table", "kallsyms_token_index", "kallsyms_offsets"}) {
      auto& bytes = damaged.memory.at(damaged.table(table));
      if (random() % 2 == 0) bytes[random() % bytes.size()] = static_cast<std::byte>(random());
    }
    const auto symbols = KernelSymbols::read(damaged.vmcoreinfo, damaged.memory.reader());
    if (!symbols) continue;
    ++read_well;
    for (std::size_t i = 0; i < symbols->size(); ++i) EXPECT_LE(symbols->at(i).name.size(), 512u);
  }
  EXPECT_GT(read_well, 100);
}

TEST(Vmcoreinfo, IsLinesOfKeysAndValues) {
  constexpr std::string_view kText =
      "OSRELEASE=6.1.0\nSYMBOL(_stext)=ffffffff81000000\nSYMBOL(bad)=12x\nEMPTY=\nLAST=1";
  EXPECT_EQ(vmcoreinfo_value(kText, "OSRELEASE"), "6.1.0");
  EXPECT_EQ(vmcoreinfo_value(kText, "OSREL"), "");
  EXPECT_EQ(vmcoreinfo_value(kText, "EMPTY"), "");
  EXPECT_EQ(vmcoreinfo_value(kText, "LAST"), "1");
  EXPECT_EQ(vmcoreinfo_symbol(kText, "_stext"), GuestVirt{0xffffffff81000000});
  EXPECT_FALSE(vmcoreinfo_symbol(kText, "bad"));
  EXPECT_FALSE(vmcoreinfo_symbol(kText, "none"));
}

}  // namespace
}  // namespace vmitap::types
