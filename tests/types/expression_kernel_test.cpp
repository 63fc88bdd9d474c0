// SPDX-License-Identifier: MIT
// Expressions over a guest's kernel, which tells of itself in guest memory.
#include <gtest/gtest.h>

#include "base/error_text.hpp"
#include "btf_maker.hpp"
#include "kernel_maker.hpp"
#include "types/expression.hpp"
#include "types/expression_kernel.hpp"
#include "types/kernel.hpp"
#include "types/layout_check.hpp"
#include "types/schema.hpp"

namespace vmitap::types {
namespace {

constexpr std::uint64_t kInitTask = KernelMaker::kText + 0x100000;
constexpr std::uint64_t kHead = KernelMaker::kText + 0x200000;
constexpr std::uint64_t kRunqueues = 0x2f000;

class KernelExpression : public testing::Test {
 protected:
  void SetUp() override {
    BtfMaker btf;
    const std::uint32_t character = btf.integer("char", 1, BTF_INT_SIGNED);
    const std::uint32_t number = btf.integer("int", 4, BTF_INT_SIGNED);
    const std::uint32_t unsigned_long = btf.integer("long unsigned int", 8, 0);
    btf.link(BTF_KIND_TYPEDEF, unsigned_long, "size_t");
    const std::uint32_t name = btf.array(character, 16);
    // list_head points at itself: id + 1 is the pointer's, that after it the record's.
    const std::uint32_t list_pointer = btf.pointer(name + 2);
    const std::uint32_t list =
        btf.record("list_head", 16, {{"next", list_pointer, 0}, {"prev", list_pointer, 64}});
    ASSERT_EQ(list, name + 2);
    const std::uint32_t mm =
        btf.record("mm_struct", 16, {{"users", number, 0}, {"total", unsigned_long, 64}});
    const std::uint32_t task = btf.record(
        "task_struct", 64,
        {{"comm", name, 0}, {"tasks", list, 128}, {"mm", btf.pointer(mm), 256}, {"pid", number, 320}});
    const std::uint32_t rq =
        btf.record("rq", 24, {{"nr_running", number, 0}, {"curr", btf.pointer(task), 64}});
    btf.section(".data..percpu", {btf.variable("runqueues", rq)});
    maker.write_btf(btf.bytes());

    maker.symbol("__per_cpu_start", 0, 'A');
    maker.symbol("runqueues", kRunqueues, 'A');
    maker.symbol("cpu_number", 0x30000, 'A');
    maker.symbol("__per_cpu_end", 0x35000, 'A');
    maker.symbol("init_task", kInitTask);
    maker.symbol("head", kHead);
    maker.symbol("once", KernelMaker::kText + 0x10, 'd');
    maker.symbol("once", KernelMaker::kText + 0x20, 'd');
    for (std::uint64_t i = 0; i < 6; ++i)
      maker.symbol("often", KernelMaker::kText + (i < 5 ? 0x40 : 0x50), 'd');
    maker.symbol("descriptor.5", KernelMaker::kText + 0x30, 'd');
    maker.write_symbols();
    maker.write_per_cpu({0xffff888010000000, 0xffff888020000000});
    auto read = Kernel::read(maker.image, maker.memory.reader());
    ASSERT_TRUE(read) << describe(read.error());
    kernel = *std::move(read);
    scope.kernel = kernel.get();
  }

  Value value(std::string_view expression) {
    auto found = resolve(expression, scope);
    EXPECT_TRUE(found) << expression << ": " << describe(found.error()) << "; " << remedy(found.error());
    return found ? *found : Value{};
  }
  void expect(std::string_view expression, std::string_view type, std::uint64_t origin, std::uint32_t size) {
    const Value found = value(expression);
    ASSERT_NE(found.catalog, nullptr);
    EXPECT_EQ(found.catalog->spelling(found.type), type) << expression;
    EXPECT_EQ(found.fetch.base, VMITAP_FETCH_ADDRESS);
    EXPECT_EQ(found.fetch.origin, origin) << expression;
    EXPECT_EQ(found.fetch.size, size) << expression;
    EXPECT_TRUE(unsound_types(*found.catalog).empty());
  }
  Error error(std::string_view expression, Errc code) {
    const auto found = resolve(expression, scope);
    if (found) {
      ADD_FAILURE() << expression << " was taken";
      return {};
    }
    EXPECT_EQ(static_cast<int>(found.error().code), static_cast<int>(code))
        << expression << ": " << describe(found.error()) << "; " << remedy(found.error());
    return found.error();
  }

  KernelMaker maker;
  std::unique_ptr<Kernel> kernel;
  Scope scope;
};

TEST_F(KernelExpression, NamesASymbolAndItsType) {
  expect("kernel:head:unsigned long", "long unsigned int", kHead, 8);
  expect("kernel:head:unsigned  long int", "long unsigned int", kHead, 8);
  expect("kernel:head:size_t", "size_t", kHead, 8);
  expect("kernel:init_task:struct task_struct", "struct task_struct", kInitTask, 64);
  expect("kernel:init_task:task_struct", "struct task_struct", kInitTask, 64);
  expect("kernel : init_task : const struct task_struct", "struct task_struct", kInitTask, 64);
  expect("kernel:head:int[4]", "int [4]", kHead, 16);
  expect("kernel:head:int[4][2]", "int [4][2]", kHead, 32);
  expect("kernel:head:struct mm_struct *", "struct mm_struct *", kHead, 8);
  expect("kernel:head:struct mm_struct *[3]", "struct mm_struct *[3]", kHead, 24);
  expect("kernel:head:void *", "void *", kHead, 8);
  expect("kernel:'descriptor.5':int", "int", KernelMaker::kText + 0x30, 4);
  expect("kernel:0xffffffff81000020:int", "int", KernelMaker::kText + 0x20, 4);
}

TEST_F(KernelExpression, TakesTheOperatorsOfOtherExpressions) {
  expect("kernel:init_task:struct task_struct.pid", "int", kInitTask + 40, 4);
  expect("(kernel:init_task:struct task_struct).comm", "char [16]", kInitTask, 16);
  expect("kernel:init_task:struct task_struct.comm[1]", "char", kInitTask + 1, 1);
  const Value some = value("kernel:init_task:struct task_struct.comm[2:6]");
  EXPECT_EQ(some.elements, 4u);
  EXPECT_EQ(some.fetch.origin, kInitTask + 2);
  expect("(kernel:head:int[4])[2]", "int", kHead + 8, 4);
  expect("*(struct mm_struct *)&kernel:head:int", "struct mm_struct", kHead, 16);
}

TEST_F(KernelExpression, FollowsPointersIntoTypesThatWereNotReadBefore) {
  const Value head = value("*kernel:head:struct list_head *");
  EXPECT_EQ(head.catalog->spelling(head.type), "struct list_head");
  EXPECT_EQ(head.fetch.hops, 1);
  EXPECT_EQ(head.fetch.size, 16u);
  const Value previous = value("(kernel:head:struct list_head *)->next->prev");
  EXPECT_EQ(previous.fetch.hops, 2);
  EXPECT_EQ(previous.fetch.add[1], 8);
  const Value total = value("kernel:init_task:struct task_struct.mm->total");
  EXPECT_EQ(total.fetch.origin, kInitTask + 32);
  EXPECT_EQ(total.fetch.add[0], 8);
  EXPECT_EQ(total.catalog->spelling(total.type), "long unsigned int");
  const Value cast = value("((struct mm_struct *)kernel:head:unsigned long)->users");
  EXPECT_EQ(cast.fetch.hops, 1);
  EXPECT_EQ(cast.catalog->spelling(cast.type), "int");
  EXPECT_TRUE((*cast.catalog)[cast.catalog->find("struct rq")].name.empty()) << "nobody asked for it";
}

TEST_F(KernelExpression, ReadsPerCpuVariablesOfOneCpu) {
  expect("kernel:runqueues[cpu0].nr_running", "int", 0xffff888010000000 + kRunqueues, 4);
  expect("kernel:runqueues[cpu1]", "struct rq", 0xffff888020000000 + kRunqueues, 24);
  expect("kernel:cpu_number[cpu1]:int", "int", 0xffff888020000000 + 0x30000, 4);
  const Value pid = value("kernel:runqueues[cpu1].curr->pid");
  EXPECT_EQ(pid.fetch.hops, 1);
  EXPECT_EQ(pid.fetch.add[0], 40);
}

TEST_F(KernelExpression, TellsWhatIsWrong) {
  EXPECT_NE(error("kernel:runqueues.nr_running", Errc::bad_expression).hint.find("[cpu0]"),
            std::string::npos);
  EXPECT_NE(error("kernel:runqueues[cpu2]", Errc::bad_expression).hint.find("cpu1"), std::string::npos);
  EXPECT_NE(error("kernel:head[cpu0]:int", Errc::bad_expression).hint.find("per-CPU"), std::string::npos);
  EXPECT_NE(error("kernel:head", Errc::bad_expression).hint.find("kernel:head:"), std::string::npos);
  EXPECT_EQ(error("kernel:init_tusk:int", Errc::unknown_name).hint, "init_task");
  EXPECT_EQ(error("kernel:head:struct task_strict", Errc::unknown_name).hint, "task_struct");
  EXPECT_EQ(error("kernel:init_task:struct task_struct.pit", Errc::unknown_name).hint, "pid");
  EXPECT_NE(error("kernel:once:int", Errc::ambiguous_name).hint.find("kernel:0xffffffff81000020"),
            std::string::npos);
  EXPECT_EQ(error("kernel:often:int", Errc::ambiguous_name).hint,
            "kernel:0xffffffff81000040, kernel:0xffffffff81000050");
  for (const char* text :
       {"kernel:", "kernel:head:", "kernel:5:int", "kernel:head:*", "kernel:head:void", "kernel:head:void[3]",
        "kernel:runqueues[cpu]", "kernel:runqueues[cpu0", "kernel:head:int[0]", "kernel:head:int]",
        "kernel:head:int x", "kernel:runqueues[cpu99999999999999999999]"}) {
    const auto found = resolve(text, scope);
    EXPECT_FALSE(found) << text;
  }
  error("kernel:head:int[999999999]", Errc::too_large);
  error("kernel:head:int[4611686018427387904][4611686018427387904]", Errc::bad_expression);
}

TEST_F(KernelExpression, OfAGuestWithoutAKernelIsRefused) {
  scope.kernel = nullptr;
  error("kernel:head:int", Errc::unsupported);
  EXPECT_TRUE(needs_kernel("*(int *)kernel:head:int *"));
  EXPECT_FALSE(needs_kernel("kernel.x + kernel::y"));
  EXPECT_FALSE(Kernel::read({}, maker.memory.reader()));
}

TEST_F(KernelExpression, LeavesWhatWasPublishedAsItWas) {
  value("kernel:init_task:struct task_struct.comm");
  const auto before = kernel->publish();
  const std::size_t types = before->types.size();
  const TypeId mm = before->find("struct mm_struct");
  EXPECT_TRUE((*before)[mm].is_declaration);
  const Value later = value("kernel:init_task:struct task_struct.mm->users");
  EXPECT_EQ(before->types.size(), types);
  EXPECT_TRUE((*before)[mm].is_declaration);
  EXPECT_NE(later.catalog, before);
  EXPECT_FALSE((*later.catalog)[mm].is_declaration) << "ids stay what they are";
  EXPECT_EQ(before->object, "kernel 6.1.0-test");
  EXPECT_EQ(before->build_id, "00112233445566778899aabbccddeeff00112233");
}

TEST_F(KernelExpression, BecomesAFieldOfARecord) {
  const std::vector<Value> values{value("kernel:init_task:struct task_struct.comm"),
                                  value("kernel:runqueues[cpu1]"), value("kernel:head:struct mm_struct *")};
  const auto schema = make_schema("every", nullptr, {}, 0, values);
  ASSERT_TRUE(schema) << describe(schema.error());
}

TEST_F(KernelExpression, ShowsTheTypesOfAKernelByName) {
  const auto catalog = of_kernel(*kernel, "struct rq");
  ASSERT_TRUE(catalog);
  EXPECT_EQ((**catalog)[(*catalog)->find("struct rq")].members.size(), 2u);
  const auto missing = of_kernel(*kernel, "struct mm_strukt");
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().hint, "mm_struct");
}

// Each look at what is known so far would make hours of it where there are millions.
TEST(LyingKernel, OfWhichAllTypesHaveOneNameCostsNoMoreThanAnother) {
  BtfMaker btf;
  for (int i = 0; i < 60000; ++i) btf.link(BTF_KIND_FWD, 0, "task_struct");
  KernelMaker maker;
  maker.write_btf(btf.bytes());
  maker.symbol("head", kHead);
  maker.write_symbols();
  auto kernel = Kernel::read(maker.image, maker.memory.reader());
  ASSERT_TRUE(kernel) << describe(kernel.error());
  Scope scope;
  scope.kernel = kernel->get();
  EXPECT_TRUE(resolve("kernel:head:struct task_struct *", scope));
  EXPECT_LT((*kernel)->catalog()->types.size(), 1000u);
  const auto missing = resolve("kernel:head:struct task_strukt", scope);
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().hint, "task_struct");
}

}  // namespace
}  // namespace vmitap::types
