// SPDX-License-Identifier: MIT
// How C types stand in a rule's messages: every decision is made here, once. schema_descriptor.cpp
// writes the result down as descriptors, plan_compiler.cpp as operations.
//
//   bool                              bool
//   integers, char                    int32, uint32, int64, uint64. Not sint32: plain varints show the number
//                                     also to who has no descriptors, and survive a change of signedness
//   __int128                          vmitap.Int128, vmitap.UInt128
//   float; double, long double        float; double (rounded)
//   enumerations                      enum; integers if they have 64 bits or no enumerators
//   pointers, references              fixed64
//   char[N]                           string, up to the NUL; bytes that are no UTF-8 as \xNN
//   unsigned char[N], std::byte[N]    bytes
//   other arrays                      repeated; of arrays: repeated rows, messages with one field
//   flexible arrays                   as such, never written
//   records                           messages; members of anonymous ones as members of what holds them;
//                                     base classes as fields; virtual ones not at all
//   what is known by size only        bytes
#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.hpp"
#include "types/expression.hpp"
#include "types/layout.hpp"
#include "types/schema_names.hpp"

namespace vmitap::types {

// The raw bytes of one value without parts.
enum class Scalar : std::uint8_t {
  boolean,
  u8,
  u16,
  u32,
  u64,
  s8,
  s16,
  s32,
  s64,
  float32,
  float64,
  x87,        // 80 bits in 16 bytes
  binary128,  // IEEE 754
  address,
  int128,
  uint128,
};

struct FieldType {
  enum class Form : std::uint8_t { scalar, enumeration, text, bytes, message };
  Form form = Form::bytes;
  Scalar scalar = Scalar::u8;  // scalar, enumeration
  std::uint32_t model = 0;     // enumeration, message: index into SchemaModel
  std::uint64_t size = 0;      // bytes of the value; if repeated, of one element
  bool is_repeated = false;
  std::uint64_t count = 0;  // elements, if repeated
  bool is_written = true;   // false: a flexible array
};

struct FieldModel {
  std::string name;       // unique in its message, also if folded()
  std::string json_name;  // as C has it, or the expression
  std::string c_type;
  std::string expression;  // of arguments and values
  std::uint32_t number = 0;
  FieldType type;
  std::uint64_t offset = 0;      // bytes from the start of the message's bytes; not of bit-fields
  std::uint64_t bit_offset = 0;  // bits from there
  std::uint32_t bit_size = 0;    // 0: not a bit-field
};

struct MessageModel {
  std::string name;
  std::string c_struct;
  bool is_row = false;
  std::vector<FieldModel> fields;
};

// An enumeration stands in a message of its own, so that its enumerators need no prefix.
struct EnumModel {
  std::string scope;  // name of that message
  std::string name;
  std::vector<std::pair<std::string, std::int32_t>> values;  // the first is 0, as proto3 asks for
  bool has_aliases = false;
};

EnumModel enum_model(std::string scope, std::string name, std::span<const Enumerator> enumerators);

class FieldList;

// Builds the models of one rule; the catalogs must outlive it.
class SchemaModel {
 public:
  // The fields of `args` and `values`. Errc::too_large.
  Result<MessageModel> arguments(const Catalog& catalog, std::span<const Argument> arguments);
  Result<MessageModel> values(std::span<const Value> values);

  [[nodiscard]] const std::vector<MessageModel>& messages() const noexcept { return messages_; }
  [[nodiscard]] const std::vector<EnumModel>& enums() const noexcept { return enums_; }
  // The name for the rule's own message, beside all others.
  std::string take_message_name(std::string_view wanted) { return message_names_.take(wanted); }

 private:
  using Key = std::pair<const Catalog*, TypeId>;

  FieldType type_of(const Catalog& catalog, TypeId id, std::string_view name_otherwise);
  FieldType array_of(const Catalog& catalog, TypeId element, std::uint64_t count,
                     std::string_view name_otherwise);
  FieldType bit_field_of(const Catalog& catalog, TypeId id, std::uint32_t bit_size,
                         std::string_view name_otherwise);
  FieldType enumeration_of(const Catalog& catalog, TypeId id, std::string_view name_otherwise);
  std::uint32_t message_of(const Catalog& catalog, TypeId record, const std::string& name);
  std::uint32_t row_of(const Catalog& catalog, TypeId array, const FieldType& type,
                       std::string_view name_otherwise);
  void add_members(const Catalog& catalog, TypeId record, std::uint64_t offset, FieldList& fields);
  int height_of(const Catalog& catalog, TypeId id);
  Result<MessageModel> finish(std::string name, FieldList& fields) const;

  // A hostile catalog can name the same member exponentially often.
  static constexpr std::size_t kMembersMax = 1u << 18;

  UniqueNames message_names_{UniqueNames::Compare::exactly};
  std::vector<MessageModel> messages_;
  std::vector<EnumModel> enums_;
  std::map<Key, std::uint32_t> message_ids_;
  std::map<Key, std::uint32_t> row_ids_;
  std::map<Key, std::uint32_t> enum_ids_;
  std::map<Key, int> heights_;
  std::size_t members_left_ = kMembersMax;
};

}  // namespace vmitap::types
