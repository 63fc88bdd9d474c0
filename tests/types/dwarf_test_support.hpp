// SPDX-License-Identifier: MIT
#pragma once

#include <gtest/gtest.h>

#include <cstddef>
#include <cstring>
#include <memory>
#include <string>

#include "types/layout.hpp"
#include "types/object.hpp"

namespace vmitap::types {

// One compiled form of dwarf_subject.c or .cpp (dwarf_subjects.cmake).
class Subject : public testing::TestWithParam<const char*> {
 protected:
  void SetUp() override {
    const auto loaded = load_object(path(), {});
    ASSERT_TRUE(loaded) << loaded.error().operation << ": " << loaded.error().hint;
    catalog_ = *loaded;
  }

  [[nodiscard]] static std::string path() {
    return std::string{VMITAP_SUBJECTS "/"} + GetParam() + "/object";
  }

  const Mark& mark(std::string_view name) {
    for (const Mark& each : catalog_->marks) {
      if (each.name == name) return each;
    }
    ADD_FAILURE() << "no mark " << name;
    static const Mark none;
    return none;
  }
  // What the mark stands for, looked through typedefs.
  const Type& type_of(std::string_view name) { return type(mark(name).type); }
  const Type& type(TypeId id) { return (*catalog_)[catalog_->strip(id)]; }
  const Type& named(std::string_view name) { return type(catalog_->find(name)); }

  const Member& member(const Type& record, std::string_view name) {
    for (const Member& each : record.members) {
      if (each.name == name) return each;
    }
    ADD_FAILURE() << record.name << " has no member " << name;
    static const Member none;
    return none;
  }
  std::string spelled(const Type& record, std::string_view name) {
    return catalog_->spelling(member(record, name).type);
  }

  void expect_member(const Type& record, std::string_view name, std::size_t offset, std::size_t size) {
    const Member& found = member(record, name);
    EXPECT_EQ(found.offset, offset) << record.name << "." << name;
    EXPECT_EQ((*catalog_)[found.type].size, size) << record.name << "." << name;
    EXPECT_EQ(found.bit_size, 0u) << record.name << "." << name;
  }

  std::shared_ptr<const Catalog> catalog_;
};

// Where the compiler puts a bit-field: `set` writes ones into it, and the ones are looked up.
template <class Record, class Set>
void expect_bits(const Member& member, Set set) {
  Record record;
  std::memset(static_cast<void*>(&record), 0, sizeof record);
  set(record);
  unsigned char bytes[sizeof(Record)];
  std::memcpy(bytes, &record, sizeof record);
  std::size_t first = sizeof(Record) * 8;
  std::size_t count = 0;
  for (std::size_t bit = 0; bit < sizeof(Record) * 8; ++bit) {
    if ((bytes[bit / 8] >> (bit % 8) & 1) == 0) continue;
    if (count++ == 0) first = bit;
  }
  EXPECT_EQ(member.bit_offset, first) << member.name;
  EXPECT_EQ(member.bit_size, count) << member.name;
  EXPECT_EQ(member.offset, first / 8) << member.name;
}

inline std::string subject_name(const testing::TestParamInfo<const char*>& info) {
  std::string name = info.param;
  for (char& c : name) {
    if (c == '-') c = '_';
  }
  return name;
}

}  // namespace vmitap::types
