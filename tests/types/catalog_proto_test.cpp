// SPDX-License-Identifier: MIT
#include "types/catalog_proto.hpp"

#include <gtest/gtest.h>

#include "types/object.hpp"
#include "vmitap/vmitap.pb.h"

namespace vmitap::types {
namespace {

class CatalogProto : public testing::TestWithParam<const char*> {
 protected:
  void SetUp() override {
    const auto loaded = load_object(std::string{VMITAP_SUBJECTS "/"} + GetParam() + "/object",
                                    {.debug_dirs = {}, .build_id = {}, .all_types = true});
    ASSERT_TRUE(loaded) << loaded.error().hint;
    catalog_ = *loaded;
    to_proto(*catalog_, message_);
  }

  void expect_refused(const char* word) {
    const auto read = from_proto(message_);
    ASSERT_FALSE(read);
    EXPECT_EQ(read.error().code, Errc::bad_file);
    EXPECT_NE(read.error().hint.find(word), std::string::npos) << read.error().hint;
  }

  std::shared_ptr<const Catalog> catalog_;
  vmitap::Catalog message_;
};

TEST_P(CatalogProto, ComesBackAsItWas) {
  vmitap::Catalog received;
  ASSERT_TRUE(received.ParseFromString(message_.SerializeAsString()));
  const auto read = from_proto(received);
  ASSERT_TRUE(read) << read.error().hint;
  vmitap::Catalog again;
  to_proto(*read, again);
  EXPECT_EQ(again.SerializeAsString(), message_.SerializeAsString());
  EXPECT_EQ(read->types.size(), catalog_->types.size());
  EXPECT_EQ(read->object, catalog_->object);
  EXPECT_EQ(read->build_id, catalog_->build_id);
  ASSERT_EQ(read->marks.size(), catalog_->marks.size());
  ASSERT_EQ(read->triggers.size(), catalog_->triggers.size());
  ASSERT_FALSE(read->triggers.empty());
  EXPECT_EQ(read->triggers[0].descriptor, catalog_->triggers[0].descriptor);
  EXPECT_EQ(read->triggers[0].arguments_size, catalog_->triggers[0].arguments_size);
  for (TypeId id = 0; id < read->types.size(); ++id) {
    EXPECT_EQ(read->spelling(id), catalog_->spelling(id));
    EXPECT_EQ((*read)[id].enumerators.size(), (*catalog_)[id].enumerators.size());
  }
}

TEST_P(CatalogProto, RefusesKindsThatAreNone) {
  message_.mutable_types(1)->set_kind(200);
  expect_refused("kind 200");
}

TEST_P(CatalogProto, RefusesAMessageWithoutVoid) {
  message_.clear_types();
  expect_refused("void");
}

TEST_P(CatalogProto, RefusesTypesThatContradictThemselves) {
  message_.mutable_types(1)->set_target(1'000'000);
  expect_refused("contradicts itself");
}

TEST_P(CatalogProto, RefusesALoopOfTypedefs) {
  const auto last = static_cast<std::uint32_t>(message_.types_size());
  vmitap::Catalog::Type& loop = *message_.add_types();
  loop.set_kind(static_cast<std::uint32_t>(Kind::typedef_));
  loop.set_target(last);
  expect_refused("contradicts itself");
}

TEST_P(CatalogProto, RefusesMarksWithoutAType) {
  message_.mutable_marks(0)->set_type(1'000'000);
  expect_refused("mark");
}

TEST_P(CatalogProto, RefusesArgumentsThatDoNotFit) {
  for (auto& trigger : *message_.mutable_triggers()) {
    if (trigger.arguments_size() == 0) continue;
    trigger.mutable_arguments(0)->set_offset(trigger.size());
  }
  expect_refused("does not fit");
}

INSTANTIATE_TEST_SUITE_P(Subjects, CatalogProto, testing::Values("c-gcc-dwarf5", "cxx-gcc-dwarf5"),
                         [](const auto& subject) { return std::string{subject.index == 0 ? "C" : "Cxx"}; });

}  // namespace
}  // namespace vmitap::types
