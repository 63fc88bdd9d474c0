// SPDX-License-Identifier: MIT
#include "types/expression.hpp"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "schema_catalog.hpp"

namespace vmitap::types {
namespace {

// A small world: struct pcb { int state; unsigned flags:3; …}, marks of all sorts, a trigger with arguments.
class Expression : public testing::Test {
 protected:
  Expression() {
    int_ = types_.integer("int", 4, true);
    const TypeId unsigned_ = types_.integer("unsigned int", 4, false);
    char_ = types_.character();
    u64_ = types_.integer("long unsigned int", 8, false);
    const TypeId u16 = types_.alias("u16_t", types_.integer("short unsigned int", 2, false));
    const TypeId tail = types_.flexible(u16);
    pcb_ = types_.declaration("tcp_pcb");
    pcb_pointer_ = types_.pointer(pcb_);
    const TypeId in_union = types_.union_of("", {{"as_int", int_}, {"as_char", char_}});
    const TypeId pcb = types_.record("tcp_pcb", {{"next", pcb_pointer_},                             // 0
                                                 {"cwnd", int_},                                     // 8
                                                 {"", in_union},                                     // 16
                                                 {"table", types_.array(types_.array(int_, 3), 2)},  // 20
                                                 {"name", types_.array(char_, 12)},                  // 44
                                                 {"any", types_.pointer(0)},                         // 56
                                                 {"data", tail}});                                   // 64
    Type& record = types_[pcb];
    record.members[2].offset = 16;
    Member bits;
    bits.name = "flags";
    bits.type = unsigned_;
    bits.bit_offset = 12 * 8 + 13;
    bits.offset = 13;
    bits.bit_size = 9;
    record.members.push_back(bits);
    std::swap(types_.catalog().types[pcb_], types_.catalog().types[pcb]);
    opaque_ = types_.declaration("opaque_s");
    const TypeId other = types_.record("other", {{"id", int_}});

    const TypeId left = types_.record("ns::Left", {{"l", int_}, {"both", int_}});
    const TypeId right = types_.record("ns::Right", {{"r", int_}, {"both", int_}});
    const TypeId far = types_.record("Far", {{"f", int_}});
    const TypeId both =
        types_.record("Derived", {{"ns::Left", left}, {"ns::Right", right}, {"Far", far}, {"d", int_}});
    for (std::size_t i = 0; i < 3; ++i) types_[both].members[i].is_base = true;
    types_[both].members[2].is_virtual_base = true;

    add_mark("head", pcb_pointer_, 0x1000);
    add_mark("pcb", pcb_, 0x2000);
    add_mark("table", types_.array(pcb_, 4), 0x3000);
    add_mark("ns::counter", int_, 0x4000);
    add_mark("any", types_.pointer(0), 0x5000);
    add_mark("unknown", types_.pointer(opaque_), 0x5100);
    add_mark("twice", types_.pointer(pcb_pointer_), 0x6000);
    add_mark("derived", both, 0x7000);
    add_mark("reference", types_.pointer(pcb_, "&"), 0x8000);
    add_mark("nowhere", int_, 0);
    add_mark("state", int_, 0x9000, "/src/tcp.c");
    add_mark("state", int_, 0x9100, "/src/udp.c");
    add_mark("cookie", u64_, 0xa000);
    add_mark("buffer", types_.array(types_.integer("unsigned char", 1, false), 64), 0xb000);
    add_mark("hidden", int_, 0xc000);
    add_mark("other_", other, 0xd000);
    add_mark("stats.dropped", int_, 0xe000);
    // C's way to derive: struct tcp_sock { struct inet_sock inet; … }, struct inet_sock { struct sock sk; … }
    const TypeId sock = types_.record("sock", {{"family", int_}, {"port", int_}});
    const TypeId inet = types_.record("inet_sock", {{"sk", sock}, {"port", int_}});
    add_mark("socket", types_.record("tcp_sock", {{"inet", inet}, {"cwnd", int_}, {"later", inet}}), 0xf000);

    site_.arguments = {{"seg", pcb_pointer_, 0}, {"seg->len", u16, 8},  {"*count", u64_, 16},
                       {"a + b", int_, 24},      {"hidden", char_, 28}, {"len(x)->y", pcb_pointer_, 32}};
    site_.arguments_size = 40;
    objects_ = {{types_.shared(), 0x100000, {}}};
    scope_.objects = objects_;
  }

  void add_mark(std::string name, TypeId type, std::uint64_t address, std::string file = "/src/main.c") {
    Mark mark;
    mark.name = std::move(name);
    mark.type = type;
    mark.variable = {address};
    mark.file = std::move(file);
    types_.catalog().marks.push_back(std::move(mark));
  }
  void with_trigger() {
    scope_.site_object = objects_.data();
    scope_.site = &site_;
  }

  // "address:0x102000 +8 size 4 int", or "argument:…", or the error.
  std::string at(std::string_view text) {
    const auto value = resolve(text, scope_);
    if (!value) return error(text);
    const vmitap_fetch& fetch = value->fetch;
    char start[64];
    std::snprintf(start, sizeof start, "%s:%#llx",
                  fetch.base == VMITAP_FETCH_ADDRESS ? "address" : "argument",
                  static_cast<unsigned long long>(fetch.origin));
    std::string result = start;
    for (int i = 0; i < fetch.hops; ++i) result += " ->" + std::to_string(fetch.add[i]);
    result += " size " + std::to_string(fetch.size) + " " + value->catalog->spelling(value->type);
    if (value->elements) result += " [" + std::to_string(*value->elements) + "]";
    if (value->bit_size != 0) {
      result += " bits " + std::to_string(value->bit_offset) + "+" + std::to_string(value->bit_size);
    }
    return result;
  }
  std::string error(std::string_view text) {
    const auto value = resolve(text, scope_);
    if (value) return "no error";
    const Error& error = value.error();
    std::string result;
    switch (error.code) {
      case Errc::unknown_name:
        return "unknown " + error.subject + (error.hint.empty() ? "" : ", near " + error.hint);
      case Errc::ambiguous_name:
        return "ambiguous " + error.subject + ": " + error.hint;
      case Errc::bad_expression:
        return "column " + std::to_string(error.number.value_or(0)) + ": " + error.hint;
      case Errc::too_large:
        return "too large: " + std::to_string(error.number.value_or(0));
      case Errc::unsupported:
        return "unsupported " + error.subject;
      default:
        return "another error";
    }
  }
  std::uint64_t column(std::string_view text) {
    const auto value = resolve(text, scope_);
    return value || value.error().code != Errc::bad_expression ? 0 : value.error().number.value_or(0);
  }

  CatalogMaker types_;
  TypeId int_, char_, u64_, pcb_, pcb_pointer_, opaque_;
  TriggerSite site_;
  std::vector<LoadedObject> objects_;
  Scope scope_;
};

TEST_F(Expression, NamesAMarkWhereItWasLoaded) {
  EXPECT_EQ(at("pcb"), "address:0x102000 size 64 struct tcp_pcb");
  EXPECT_EQ(at(" ns::counter "), "address:0x104000 size 4 int");
  EXPECT_EQ(at("::ns::counter"), "address:0x104000 size 4 int");
  EXPECT_EQ(at("head"), "address:0x101000 size 8 struct tcp_pcb *");
}

TEST_F(Expression, TakesTheCpuOfAMarkThatIsPerCpu) {
  add_mark("steps", types_.array(pcb_, 2), 0xf000);
  types_.catalog().marks.back().per_cpu = true;
  objects_ = {{types_.shared(), 0x100000, {}}};
  scope_.objects = objects_;
  const std::vector<std::uint64_t> offsets{0x1000000, 0xffffffffffff0000};
  EXPECT_EQ(error("steps[cpu0]"),
            "unsupported a per-CPU variable of a kernel that does not tell where they are");
  scope_.per_cpu_offsets = offsets;
  EXPECT_EQ(at("steps[cpu0][1].cwnd"), "address:0x110f048 size 4 int");
  EXPECT_EQ(at("steps[cpu1]"), "address:0xff000 size 128 struct tcp_pcb [2]") << "offsets wrap around";
  EXPECT_EQ(at("'main.c'::steps[cpu1][0].next->cwnd"), "address:0xff000 ->8 size 4 int");
  EXPECT_EQ(error("steps"), "column 6: the CPU, as each has one of its own: steps[cpu0]");
  EXPECT_EQ(error("(steps)[cpu0]"), "column 7: the CPU, as each has one of its own: steps[cpu0]");
  EXPECT_EQ(error("steps[0]"), "column 6: the CPU, as each has one of its own: steps[cpu0]");
  EXPECT_EQ(error("steps[cpu2]"), "column 7: a CPU from cpu0 to cpu1");
  EXPECT_EQ(error("steps[cpux]"), "column 7: the number of a CPU: cpu0");
  EXPECT_EQ(error("steps[cpu0"), "column 11: ']'");
  EXPECT_NE(error("pcb[cpu0]").find("column 5"), std::string::npos) << error("pcb[cpu0]");
  EXPECT_TRUE(needs_cpus("2 + *steps [ cpu7 ]"));
  EXPECT_FALSE(needs_cpus("steps[7].cpu"));
}

TEST_F(Expression, FollowsMembersAndIndices) {
  EXPECT_EQ(at("pcb.cwnd"), "address:0x102008 size 4 int");
  EXPECT_EQ(at("pcb . cwnd"), "address:0x102008 size 4 int");
  EXPECT_EQ(at("table[3].cwnd"), "address:0x1030c8 size 4 int");
  EXPECT_EQ(at("pcb.table[1][2]"), "address:0x102028 size 4 int");
  EXPECT_EQ(at("pcb.table[1]"), "address:0x102020 size 12 int [3]");
  EXPECT_EQ(at("pcb.table[0x1][02]"), "address:0x102028 size 4 int");
  EXPECT_EQ(at("(pcb).cwnd"), "address:0x102008 size 4 int");
  EXPECT_EQ(at("((((pcb))).table)[1][0]"), "address:0x102020 size 4 int");
  EXPECT_EQ(at("*pcb.table[1]"), "address:0x102020 size 4 int");
  EXPECT_EQ(at("**table[1].table"), "address:0x103054 size 4 int");
}

TEST_F(Expression, FindsMembersOfAnonymousOnes) {
  EXPECT_EQ(at("pcb.as_int"), "address:0x102010 size 4 int");
  EXPECT_EQ(at("pcb.as_char"), "address:0x102010 size 1 char");
}

TEST_F(Expression, ReadsBitFieldsByTheBytesTheyStandIn) {
  EXPECT_EQ(at("pcb.flags"), "address:0x10200d size 2 unsigned int bits 5+9");
}

TEST_F(Expression, FollowsPointers) {
  EXPECT_EQ(at("*head"), "address:0x101000 ->0 size 64 struct tcp_pcb");
  EXPECT_EQ(at("head->cwnd"), "address:0x101000 ->8 size 4 int");
  EXPECT_EQ(at("(*head).cwnd"), "address:0x101000 ->8 size 4 int");
  EXPECT_EQ(at("head[0].cwnd"), "address:0x101000 ->8 size 4 int");
  EXPECT_EQ(at("head[2].cwnd"), "address:0x101000 ->136 size 4 int");
  EXPECT_EQ(at("head[-1].cwnd"), "address:0x101000 ->-56 size 4 int");
  EXPECT_EQ(at("head->next->next->cwnd"), "address:0x101000 ->0 ->0 ->8 size 4 int");
  EXPECT_EQ(at("**twice"), "address:0x106000 ->0 ->0 size 64 struct tcp_pcb");
  EXPECT_EQ(at("(*twice)->cwnd"), "address:0x106000 ->0 ->8 size 4 int");
  EXPECT_EQ(at("twice[3]->cwnd"), "address:0x106000 ->24 ->8 size 4 int");
  EXPECT_EQ(at("*head->next"), "address:0x101000 ->0 ->0 size 64 struct tcp_pcb");
  EXPECT_EQ(at("table->cwnd"), "address:0x103008 size 4 int");
}

TEST_F(Expression, StopsWhereAFetchHasNoMoreHops) {
  EXPECT_EQ(at("head->next->next->next->next->next->next"),
            "address:0x101000 ->0 ->0 ->0 ->0 ->0 ->0 size 8 struct tcp_pcb *");
  EXPECT_EQ(at("head->next->next->next->next->next->next->next->next"), "too large: 7");
}

TEST_F(Expression, TakesSlices) {
  EXPECT_EQ(at("pcb.name[2:5]"), "address:0x10202e size 3 char [3]");
  EXPECT_EQ(at("pcb.data[0:16]"), "address:0x102040 size 32 u16_t [16]");
  EXPECT_EQ(at("head->data[1:3]"), "address:0x101000 ->66 size 4 u16_t [2]");
  EXPECT_EQ(at("head[1:3]"), "address:0x101000 ->64 size 128 struct tcp_pcb [2]");
  EXPECT_EQ(at("pcb.table[0:2]"), "address:0x102014 size 24 int [3] [2]");
  EXPECT_EQ(at("pcb.table[1][0:3]"), "address:0x102020 size 12 int [3]");
  EXPECT_EQ(at("head[-2:0]"), "address:0x101000 ->-128 size 128 struct tcp_pcb [2]");
}

TEST_F(Expression, Casts) {
  EXPECT_EQ(at("((struct tcp_pcb *)any)->cwnd"), "address:0x105000 ->8 size 4 int");
  EXPECT_EQ(at("*(struct tcp_pcb *)any"), "address:0x105000 ->0 size 64 struct tcp_pcb");
  EXPECT_EQ(at("((tcp_pcb*)any)->cwnd"), "address:0x105000 ->8 size 4 int");
  EXPECT_EQ(at("*(const struct tcp_pcb *const *)any"), "address:0x105000 ->0 size 8 struct tcp_pcb *");
  EXPECT_EQ(at("((struct tcp_pcb *)cookie)->cwnd"), "address:0x10a000 ->8 size 4 int");
  EXPECT_EQ(at("((struct tcp_pcb *)buffer)->cwnd"), "address:0x10b008 size 4 int");
  EXPECT_EQ(at("((struct tcp_pcb *)&buffer[8])->cwnd"), "address:0x10b010 size 4 int");
  EXPECT_EQ(at("*(u16_t *)buffer"), "address:0x10b000 size 2 u16_t");
  EXPECT_EQ(at("*(unsigned long *)any"), "address:0x105000 ->0 size 8 long unsigned int");
  EXPECT_EQ(at("(int)cookie"), "address:0x10a000 size 4 int");
  EXPECT_EQ(at("(struct tcp_pcb *)any"), "address:0x105000 size 8 struct tcp_pcb *");
  EXPECT_EQ(at("(struct tcp_pcb **)any"), "address:0x105000 size 8 struct tcp_pcb **");
  // As in C, a cast binds less tightly than what stands behind its operand.
  EXPECT_EQ(at("(struct other *)head->any"), "address:0x101000 ->56 size 8 struct other *");
  EXPECT_EQ(error("(struct tcp_pcc *)any"), "unknown struct tcp_pcc, near tcp_pcb");
  EXPECT_EQ(error("(struct tcp_pcb)pcb"),
            "column 2: a cast between pointers and integers that keeps or drops bytes");
  EXPECT_EQ(error("(unsigned long)pcb.cwnd"),
            "column 2: a cast between pointers and integers that keeps or drops bytes");
}

TEST_F(Expression, TakesAddressesThatAreFollowed) {
  EXPECT_EQ(at("(&pcb)->cwnd"), "address:0x102008 size 4 int");
  EXPECT_EQ(at("*&pcb.cwnd"), "address:0x102008 size 4 int");
  EXPECT_EQ(at("(&table[1])[1].cwnd"), "address:0x103088 size 4 int");
  EXPECT_EQ(error("&pcb"), "column 1: a value that stands in memory, and not an address of one");
  EXPECT_NE(column("&pcb.flags"), 0u);
}

TEST_F(Expression, FindsMembersOfBasesAndSaysWhenThereAreTwo) {
  EXPECT_EQ(at("derived.l"), "address:0x107000 size 4 int");
  EXPECT_EQ(at("derived.r"), "address:0x107008 size 4 int");
  EXPECT_EQ(at("derived.d"), "address:0x107018 size 4 int");
  EXPECT_EQ(error("derived.both"), "ambiguous both: ns::Left::both, ns::Right::both");
  EXPECT_EQ(at("derived.Right::both"), "address:0x10700c size 4 int");
  EXPECT_EQ(at("derived.ns::Right::both"), "address:0x10700c size 4 int");
  EXPECT_EQ(at("derived.Derived::d"), "address:0x107018 size 4 int");
  EXPECT_EQ(error("derived.f"), "unsupported f, a member of a virtual base");
}

TEST_F(Expression, FindsMembersOfWhatAStructBeginsWith) {
  EXPECT_EQ(at("socket.cwnd"), "address:0x10f010 size 4 int");
  EXPECT_EQ(at("socket.family"), "address:0x10f000 size 4 int");
  EXPECT_EQ(at("socket.port"), "address:0x10f008 size 4 int") << "the nearer one hides the other";
  EXPECT_EQ(at("socket.inet.sk.port"), "address:0x10f004 size 4 int");
  EXPECT_EQ(error("socket.famly"), "unknown famly, near family");
}

TEST_F(Expression, TakesReferencesForWhatTheyReferTo) {
  EXPECT_EQ(at("reference"), "address:0x108000 ->0 size 64 struct tcp_pcb");
  EXPECT_EQ(at("reference.cwnd"), "address:0x108000 ->8 size 4 int");
}

TEST_F(Expression, FindsArgumentsAsTheyAreWritten) {
  with_trigger();
  EXPECT_EQ(at("seg"), "argument:0 size 8 struct tcp_pcb *");
  EXPECT_EQ(at("seg->len"), "argument:0x8 size 2 u16_t");
  EXPECT_EQ(at("seg -> len"), "argument:0x8 size 2 u16_t");
  EXPECT_EQ(at("seg->cwnd"), "argument:0 ->8 size 4 int");
  EXPECT_EQ(at("*seg"), "argument:0 ->0 size 64 struct tcp_pcb");
  EXPECT_EQ(at("*count"), "argument:0x10 size 8 long unsigned int");
  EXPECT_EQ(at("(*count)"), "argument:0x10 size 8 long unsigned int");
  EXPECT_EQ(at("a+b"), "argument:0x18 size 4 int");
  EXPECT_EQ(at("len(x)->y->cwnd"), "argument:0x20 ->8 size 4 int");
  EXPECT_EQ(at("arg1->cwnd"), "argument:0 ->8 size 4 int");
  EXPECT_EQ(at("arg2"), "argument:0x8 size 2 u16_t");
  EXPECT_EQ(error("arg7"), "unknown arg7");
  EXPECT_EQ(error("arg0"), "unknown arg0");
}

TEST_F(Expression, PrefersArgumentsToMarks) {
  EXPECT_EQ(at("hidden"), "address:0x10c000 size 4 int");
  with_trigger();
  EXPECT_EQ(at("hidden"), "argument:0x1c size 1 char");
}

TEST_F(Expression, KnowsNoArgumentsWithoutATrigger) {
  EXPECT_EQ(error("seg->len"), "unknown seg");
  EXPECT_EQ(error("arg1"), "unknown arg1");
}

TEST_F(Expression, StaysWithinTheArguments) {
  with_trigger();
  EXPECT_NE(column("(&hidden)[16]"), 0u);
  EXPECT_NE(column("(&hidden)[-40]"), 0u);
  EXPECT_NE(column("((struct tcp_pcb *)&arg2)->name"), 0u);
  EXPECT_EQ(at("(&hidden)[11]"), "argument:0x27 size 1 char");
}

TEST_F(Expression, NamesMarksThatAreNoIdentifiers) {
  EXPECT_EQ(at("stats.dropped"), "address:0x10e000 size 4 int");
  EXPECT_EQ(error("stats"), "unknown stats, near state");
}

TEST_F(Expression, TellsMarksOfOneNameApartByTheirFiles) {
  EXPECT_EQ(error("state"), "ambiguous state: '/src/tcp.c'::state, '/src/udp.c'::state");
  EXPECT_EQ(at("'udp.c'::state"), "address:0x109100 size 4 int");
  EXPECT_EQ(at("'/src/tcp.c'::state"), "address:0x109000 size 4 int");
  EXPECT_EQ(error("'cp.c'::state"), "unknown state, near state");
}

TEST_F(Expression, TakesTheTriggersOwnObjectFirst) {
  CatalogMaker other;
  Mark mark;
  mark.name = "pcb";
  mark.type = other.integer("char", 1, true);
  mark.variable = {0x10};
  other.catalog().marks.push_back(mark);
  mark.name = "only_there";
  other.catalog().marks.push_back(mark);
  objects_.push_back({other.shared(), 0x200000, {}});
  scope_.objects = objects_;
  EXPECT_EQ(error("pcb"), "ambiguous pcb: '/src/main.c'::pcb, ''::pcb");
  scope_.site = &site_;
  scope_.site_object = &objects_[1];
  EXPECT_EQ(at("pcb"), "address:0x200010 size 1 char");
  scope_.site_object = &objects_[0];
  EXPECT_EQ(at("pcb"), "address:0x102000 size 64 struct tcp_pcb");
  EXPECT_EQ(at("only_there"), "address:0x200010 size 1 char");
  // A type that only the other object knows can be cast to.
  TriggerSite site;
  site.arguments = {{"cookie", other.integer("long unsigned int", 8, false), 0}};
  site.arguments_size = 8;
  scope_.site = &site;
  scope_.site_object = &objects_[1];
  EXPECT_EQ(at("((struct tcp_pcb *)cookie)->cwnd"), "argument:0 ->8 size 4 int");
}

TEST_F(Expression, TakesAddressesFromTheRunningGuestWhereItToldThem) {
  EXPECT_EQ(error("nowhere"), "unsupported the mark nowhere, whose address only the running guest knows");
  objects_[0].mark_addresses.assign(types_.catalog().marks.size(), 0);
  objects_[0].mark_addresses[9] = 0x777000;
  objects_[0].mark_addresses[1] = 0x888000;
  EXPECT_EQ(at("nowhere"), "address:0x777000 size 4 int");
  EXPECT_EQ(at("pcb"), "address:0x888000 size 64 struct tcp_pcb");
  EXPECT_EQ(at("head"), "address:0x101000 size 8 struct tcp_pcb *");
}

TEST_F(Expression, SaysWhatIsMissing) {
  EXPECT_EQ(error("pcb.cwmd"), "unknown cwmd, near cwnd");
  EXPECT_EQ(error("hed"), "unknown hed, near head");
  EXPECT_EQ(error("zzzzzz"), "unknown zzzzzz");
  EXPECT_EQ(error(""), "column 1: a name");
  EXPECT_EQ(error("pcb."), "column 5: the name of a member");
  EXPECT_EQ(error("head.cwnd"), "column 5: '->', as what stands before it is a pointer");
  EXPECT_EQ(error("pcb->cwnd"), "column 4: '.', as what stands before it is no pointer");
  EXPECT_EQ(error("head->cwnd->x"), "column 11: a pointer or an array, and not int");
  EXPECT_EQ(error("ns::counter.x"), "column 12: a struct, union or class before it, and not int");
  EXPECT_EQ(error("table[4]"), "column 7: an index from 0 to 3");
  EXPECT_EQ(error("table[-1]"), "column 7: an index from 0 to 3");
  EXPECT_EQ(error("table[i]"),
            "column 7: a number, or two with ':' between them ([cpu0] is for per-CPU variables)");
  EXPECT_EQ(error("table[99999999999999999999]"),
            "column 7: a number, or two with ':' between them ([cpu0] is for per-CPU variables)");
  EXPECT_EQ(error("table[1"), "column 8: ']' or ':'");
  EXPECT_EQ(error("table[1:5]"), "column 6: a slice within [0:4]");
  EXPECT_EQ(error("table[2:2]"), "column 9: a number greater than the one before ':'");
  EXPECT_EQ(error("table[0:2].cwnd"), "column 11: the end, as [a:b] takes several elements");
  EXPECT_EQ(error("(pcb"), "column 1: a closing parenthesis to this one");
  EXPECT_EQ(error("pcb)"), "column 4: an operator ('.', '->', '[') or the end");
  EXPECT_EQ(error("pcb cwnd"), "column 5: an operator ('.', '->', '[') or the end");
  EXPECT_EQ(error("pcb.cwnd + 1"), "column 10: an operator ('.', '->', '[') or the end");
  EXPECT_EQ(error("pcb.data"), "column 9: how much of it: [0:16] takes the first 16 elements");
  EXPECT_EQ(error("*ns::counter"), "column 1: a pointer or an array, and not int");
  EXPECT_TRUE(error("*any").starts_with("column 1: a pointer to something with a size, and not to void;"));
  EXPECT_TRUE(error("unknown->x")
                  .starts_with("column 8: a pointer to something with a size, and not to struct opaque_s"));
}

TEST_F(Expression, RefusesWhatIsTooLarge) {
  EXPECT_EQ(error("head[0:100000]"), "too large: 1048576");
  EXPECT_EQ(error("head[0:0x7fffffffffffffff]"), "too large: 1048576");
  EXPECT_NE(column("head[0x7fffffffffffffff]"), 0u);
  EXPECT_EQ(error(std::string(5000, '*') + "head"), "too large: 4096");
  EXPECT_NE(column(std::string(1000, '*') + "head"), 0u);
  EXPECT_NE(column(std::string(1000, '(') + "head" + std::string(1000, ')')), 0u);
}

TEST_F(Expression, KeepsTheTextAsItWasWritten) {
  EXPECT_EQ(resolve("  head -> cwnd ", scope_)->expression, "head -> cwnd");
}

}  // namespace
}  // namespace vmitap::types
