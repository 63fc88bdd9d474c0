// SPDX-License-Identifier: MIT
#include "types/schema_model.hpp"

#include <algorithm>
#include <utility>

#include "base/printable.hpp"

namespace vmitap::types {

// The fields of one message in the making.
class FieldList {
 public:
  explicit FieldList(std::string scope) : scope_(std::move(scope)) {}

  FieldModel& add(std::string_view name, FieldType type) {
    if (++number_ == kReservedFirst) number_ = kReservedLast + 1;
    FieldModel& field = fields_.emplace_back();
    field.name = names_.take(identifier(name));
    field.json_name = json_names_.take(printable(name));
    field.number = number_;
    field.type = type;
    return field;
  }
  [[nodiscard]] std::vector<FieldModel> take() { return std::move(fields_); }
  // For what has no name of its own.
  [[nodiscard]] std::string name_for(std::string_view member) const {
    return scope_.empty() ? std::string{member} : scope_ + "_" + std::string{member};
  }

 private:
  // Protobuf keeps these field numbers for itself.
  static constexpr std::uint32_t kReservedFirst = 19000;
  static constexpr std::uint32_t kReservedLast = 19999;

  std::string scope_;
  std::vector<FieldModel> fields_;
  UniqueNames names_{UniqueNames::Compare::folded};
  UniqueNames json_names_{UniqueNames::Compare::exactly};
  std::uint32_t number_ = 0;
};

namespace {

// Readers of protobuf refuse messages that nest deeper than 100.
constexpr int kHeightMax = 90;

using Form = FieldType::Form;

FieldType scalar(Scalar scalar, std::uint64_t size) {
  FieldType type;
  type.form = Form::scalar;
  type.scalar = scalar;
  type.size = size;
  return type;
}

FieldType sized(Form form, std::uint64_t size) {
  FieldType type;
  type.form = form;
  type.size = size;
  return type;
}

FieldType integer(std::uint64_t size, bool is_signed) {
  switch (size) {
    case 1:
      return scalar(is_signed ? Scalar::s8 : Scalar::u8, size);
    case 2:
      return scalar(is_signed ? Scalar::s16 : Scalar::u16, size);
    case 4:
      return scalar(is_signed ? Scalar::s32 : Scalar::u32, size);
    case 8:
      return scalar(is_signed ? Scalar::s64 : Scalar::u64, size);
    case 16:
      return scalar(is_signed ? Scalar::int128 : Scalar::uint128, size);
    default:
      return sized(Form::bytes, size);
  }
}

FieldType floating(const Type& type) {
  if (type.size == 4) return scalar(Scalar::float32, 4);
  if (type.size == 8) return scalar(Scalar::float64, 8);
  const bool is_binary128 = type.name.find("128") != std::string::npos;
  return scalar(is_binary128 ? Scalar::binary128 : Scalar::x87, 16);
}

bool is_text(const Type& element) { return element.kind == Kind::character && element.size == 1; }

bool is_byte(const Type& element) {
  if (element.size != 1) return false;
  return (element.kind == Kind::integer && !element.is_signed) ||
         (element.kind == Kind::enumeration && element.name == "std::byte");
}

bool is_anonymous_record(const Catalog& catalog, const Member& member) {
  return member.name.empty() && catalog[catalog.strip(member.type)].kind == Kind::record;
}

// The name by which C knows a type without a tag: that of the typedef next to it.
std::string name_of(const Catalog& catalog, TypeId id, std::string_view otherwise) {
  std::string_view name = otherwise;
  const TypeId end = catalog.strip(id);
  for (; id != end; id = catalog[id].target) {
    if (!catalog[id].name.empty()) name = catalog[id].name;
  }
  if (!catalog[end].name.empty()) name = catalog[end].name;
  return identifier(name);
}

}  // namespace

// How many messages stand within each other in a value of this type.
int SchemaModel::height_of(const Catalog& catalog, TypeId id) {
  id = catalog.strip(id);
  const Type& type = catalog[id];
  if (type.kind != Kind::record && type.kind != Kind::array) return 0;
  if (const auto known = heights_.find({&catalog, id}); known != heights_.end()) return known->second;
  int height = 0;
  if (type.kind == Kind::array) {
    const Type& element = catalog[catalog.strip(type.target)];
    const bool is_row = element.kind == Kind::array && !is_text(catalog[catalog.strip(element.target)]) &&
                        !is_byte(catalog[catalog.strip(element.target)]);
    height = height_of(catalog, type.target) + (is_row ? 1 : 0);
  } else {
    for (const Member& member : type.members) {
      if (member.is_virtual_base) continue;
      const int inner = height_of(catalog, member.type);
      height = std::max(height, is_anonymous_record(catalog, member) ? inner - 1 : inner);
    }
    ++height;
  }
  heights_[{&catalog, id}] = height;
  return height;
}

FieldType SchemaModel::type_of(const Catalog& catalog, TypeId id, std::string_view name_otherwise) {
  const TypeId stripped = catalog.strip(id);
  const Type& type = catalog[stripped];
  switch (type.kind) {
    case Kind::boolean:
      return scalar(Scalar::boolean, 1);
    case Kind::integer:
    case Kind::character:
      return integer(type.size, type.is_signed);
    case Kind::floating:
      return floating(type);
    case Kind::enumeration:
      return enumeration_of(catalog, id, name_otherwise);
    case Kind::pointer:
      return scalar(Scalar::address, 8);
    case Kind::array: {
      if (height_of(catalog, stripped) > kHeightMax) break;
      FieldType array = array_of(catalog, type.target, type.count, name_otherwise);
      array.is_written = !type.is_flexible;
      return array;
    }
    case Kind::record: {
      if (type.is_declaration || height_of(catalog, stripped) > kHeightMax) break;
      FieldType message = sized(Form::message, type.size);
      message.model = message_of(catalog, stripped, name_of(catalog, id, name_otherwise));
      return message;
    }
    case Kind::void_:
    case Kind::function:
    case Kind::typedef_:
    case Kind::opaque:
      break;
  }
  return sized(Form::bytes, type.size);
}

FieldType SchemaModel::array_of(const Catalog& catalog, TypeId element, std::uint64_t count,
                                std::string_view name_otherwise) {
  const TypeId stripped = catalog.strip(element);
  if (is_text(catalog[stripped])) return sized(Form::text, count);
  if (is_byte(catalog[stripped])) return sized(Form::bytes, count);
  FieldType type = type_of(catalog, element, name_otherwise);
  if (type.is_repeated || !type.is_written) {
    const std::uint32_t row = row_of(catalog, stripped, type, name_otherwise);
    type = sized(Form::message, catalog[stripped].size);
    type.model = row;
  }
  type.is_repeated = true;
  type.count = count;
  return type;
}

FieldType SchemaModel::bit_field_of(const Catalog& catalog, TypeId id, std::uint32_t bit_size,
                                    std::string_view name_otherwise) {
  FieldType type = type_of(catalog, id, name_otherwise);
  if (type.form == Form::enumeration) {
    const Type& enumeration = catalog[catalog.strip(id)];
    type.scalar = integer(enumeration.size, enumeration.is_signed || bit_size == 32).scalar;
  }
  if (type.form == Form::scalar || type.form == Form::enumeration) return type;
  // Of a type known by its size only.
  if (bit_size <= 64) return scalar(Scalar::u64, 8);
  if (bit_size <= 128) return scalar(Scalar::uint128, 16);
  return type;
}

FieldType SchemaModel::enumeration_of(const Catalog& catalog, TypeId id, std::string_view name_otherwise) {
  const TypeId stripped = catalog.strip(id);
  const Type& type = catalog[stripped];
  FieldType field = integer(type.size, type.is_signed);
  if (field.form != Form::scalar || type.size > 4 || type.enumerators.empty()) return field;
  field.form = Form::enumeration;
  // Enumerations of protobuf are signed: above INT32_MAX the same 32 bits.
  if (type.size == 4) field.scalar = Scalar::s32;
  const auto [known, is_new] =
      enum_ids_.try_emplace({&catalog, stripped}, static_cast<std::uint32_t>(enums_.size()));
  field.model = known->second;
  if (is_new) {
    const std::string name = name_of(catalog, id, name_otherwise);
    enums_.push_back(enum_model(message_names_.take(name), name, type.enumerators));
  }
  return field;
}

std::uint32_t SchemaModel::message_of(const Catalog& catalog, TypeId record, const std::string& name) {
  const auto [known, is_new] =
      message_ids_.try_emplace({&catalog, record}, static_cast<std::uint32_t>(messages_.size()));
  const std::uint32_t id = known->second;
  if (!is_new) return id;
  MessageModel& message = messages_.emplace_back();
  message.name = message_names_.take(name);
  message.c_struct = printable(catalog.spelling(record));
  FieldList fields{message.name};
  add_members(catalog, record, 0, fields);
  messages_[id].fields = fields.take();
  return id;
}

std::uint32_t SchemaModel::row_of(const Catalog& catalog, TypeId array, const FieldType& type,
                                  std::string_view name_otherwise) {
  const TypeId element = catalog.strip(catalog[array].target);
  const auto [known, is_new] = row_ids_.try_emplace({&catalog, array}, 0);
  if (!is_new) return known->second;
  const auto id = static_cast<std::uint32_t>(messages_.size());
  known->second = id;
  TypeId innermost = element;
  std::string suffix = "_row";
  for (; catalog[innermost].kind == Kind::array; innermost = catalog.strip(catalog[innermost].target)) {
    suffix += "_row";
  }
  MessageModel& row = messages_.emplace_back();
  row.name = message_names_.take(name_of(catalog, innermost, name_otherwise) + suffix);
  row.is_row = true;
  FieldList fields{row.name};
  FieldModel& field = fields.add("values", type);
  field.c_type = printable(catalog.spelling(array));
  messages_[id].fields = fields.take();
  return id;
}

void SchemaModel::add_members(const Catalog& catalog, TypeId record, std::uint64_t offset,
                              FieldList& fields) {
  for (const Member& member : catalog[record].members) {
    if (members_left_ == 0) return;
    --members_left_;
    if (member.is_virtual_base) continue;
    if (is_anonymous_record(catalog, member)) {
      add_members(catalog, catalog.strip(member.type), offset + member.offset, fields);
      continue;
    }
    if (member.name.empty()) continue;  // padding
    const std::string name_otherwise = fields.name_for(member.name);
    std::string c_type = printable(catalog.spelling(member.type));
    if (member.bit_size == 0) {
      FieldModel& field = fields.add(member.name, type_of(catalog, member.type, name_otherwise));
      field.c_type = std::move(c_type);
      field.offset = offset + member.offset;
      continue;
    }
    FieldModel& field =
        fields.add(member.name, bit_field_of(catalog, member.type, member.bit_size, name_otherwise));
    field.c_type = c_type + " : " + std::to_string(member.bit_size);
    field.bit_offset = offset * 8 + member.bit_offset;
    field.bit_size = member.bit_size;
  }
}

Result<MessageModel> SchemaModel::arguments(const Catalog& catalog, std::span<const Argument> arguments) {
  FieldList fields{""};
  for (const Argument& argument : arguments) {
    FieldModel& field = fields.add(argument.name, type_of(catalog, argument.type, argument.name));
    field.c_type = printable(catalog.spelling(argument.type));
    field.expression = printable(argument.name);
    field.offset = argument.offset;
  }
  return finish("Args", fields);
}

Result<MessageModel> SchemaModel::values(std::span<const Value> values) {
  FieldList fields{""};
  for (const Value& value : values) {
    const Catalog& catalog = *value.catalog;
    FieldType type;
    std::string c_type = catalog.spelling(value.type);
    if (value.elements) {
      type = array_of(catalog, value.type, *value.elements, value.expression);
      c_type = catalog.spelling(value.type, "[" + std::to_string(*value.elements) + "]");
    } else if (value.bit_size != 0) {
      type = bit_field_of(catalog, value.type, value.bit_size, value.expression);
      c_type += " : " + std::to_string(value.bit_size);
    } else {
      type = type_of(catalog, value.type, value.expression);
    }
    FieldModel& field = fields.add(value.expression, type);
    field.c_type = printable(c_type);
    field.expression = printable(value.expression);
    field.bit_offset = value.bit_offset;
    field.bit_size = value.bit_size;
  }
  return finish("Values", fields);
}

Result<MessageModel> SchemaModel::finish(std::string name, FieldList& fields) const {
  if (members_left_ == 0) {
    return fail({.code = Errc::too_large, .subject = "a type with its members", .number = kMembersMax});
  }
  return MessageModel{.name = std::move(name), .c_struct = {}, .is_row = false, .fields = fields.take()};
}

}  // namespace vmitap::types
