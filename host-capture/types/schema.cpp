// SPDX-License-Identifier: MIT
#include "types/schema.hpp"

#include <algorithm>
#include <cctype>
#include <limits>
#include <map>
#include <set>

#include "vmitap/vmitap.pb.h"

namespace vmitap::types {
namespace {

using google::protobuf::DescriptorProto;
using google::protobuf::EnumDescriptorProto;
using google::protobuf::FieldDescriptorProto;
using Operations = std::vector<EncodeOperation>;

constexpr int kReservedBegin = 19000;
constexpr std::uint32_t kVarint = 0, kFixed64 = 1, kDelimited = 2, kFixed32 = 5;

std::string identifier(std::string_view text) {
  std::string name;
  for (const char c : text) {
    if (std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_') {
      name += c;
    } else if (!name.empty() && name.back() != '_') {
      name += '_';
    }
  }
  while (name.size() > 1 && name.back() == '_' && text.back() != '_') name.pop_back();
  if (name.empty() || std::isdigit(static_cast<unsigned char>(name[0])) != 0) name.insert(0, "_");
  return name;
}

std::string unique(const std::string& name, std::set<std::string>& taken) {
  std::string candidate = name;
  for (int i = 2; !taken.insert(candidate).second; ++i) candidate = name + "_" + std::to_string(i);
  return candidate;
}

// What protobuf compares enumerators by: neither case nor underscores count.
std::string folded(std::string_view text) {
  std::string result;
  for (const char c : text)
    if (c != '_') result += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return result;
}

// The fields of one message as they are added, and the operations that write each.
struct Message {
  explicit Message(DescriptorProto& message) : proto(message) {}

  FieldDescriptorProto& add(std::string_view c_name) {
    FieldDescriptorProto& field = *proto.add_field();
    field.set_name(unique(identifier(c_name), names));
    field.set_json_name(json_names.insert(std::string(c_name)).second ? std::string(c_name) : field.name());
    if (++number == kReservedBegin) number = 20000;
    field.set_number(number);
    field.set_label(FieldDescriptorProto::LABEL_OPTIONAL);
    return field;
  }
  // proto3 says presence by a oneof of one field.
  void make_presence_explicit(FieldDescriptorProto& field) {
    field.set_proto3_optional(true);
    field.set_oneof_index(proto.oneof_decl_size());
    proto.add_oneof_decl()->set_name(unique("_" + field.name(), names));
  }
  // All fields' operations, last field first.
  [[nodiscard]] Operations backwards() const {
    Operations result;
    for (auto field = fields.rbegin(); field != fields.rend(); ++field)
      result.insert(result.end(), field->begin(), field->end());
    return result;
  }

  DescriptorProto& proto;
  std::vector<Operations> fields;
  std::set<std::string> names;
  std::set<std::string> json_names;
  int number = 0;
};

struct Scalar {
  Encoding encoding;
  FieldDescriptorProto::Type type;
  std::uint32_t wire;
};

class SchemaMaker {
 public:
  explicit SchemaMaker(const std::string& package) : package_("." + package + ".") {
    file_.set_package(package);
    message_names_ = {"Record", "Args", "Values"};
  }

  struct Place {
    std::uint64_t offset = 0;  // bytes
    std::uint64_t bit_offset = 0;
    std::uint32_t bit_size = 0;
    std::optional<std::uint64_t> elements;  // a slice: this many of the type
    std::string_view expression = {};
  };

  // Adds one C value as one field. Nothing is added for what has no bytes of its own.
  void add(Message& message, std::string_view name, const Catalog& catalog, TypeId id, const Place& place) {
    if (place.elements) return add_array(message, name, catalog, id, *place.elements, place);
    const TypeId stripped = catalog.strip(id);
    const Type& type = catalog[stripped];
    if (type.kind == Kind::array)
      return add_array(message, name, catalog, type.target, type.is_flexible ? 0 : type.count, place, id);
    if (type.kind == Kind::record && !type.is_declaration) {
      FieldDescriptorProto& field = describe(message.add(name), catalog, id, place);
      field.set_type(FieldDescriptorProto::TYPE_MESSAGE);
      field.set_type_name(record(catalog, stripped).name);
      message.fields.push_back(
          nested(Encoding::message, field.number(), place.offset, 1, 0, record(catalog, stripped).body));
      return;
    }
    if (const auto scalar = scalar_of(catalog, stripped)) {
      FieldDescriptorProto& field = describe(message.add(name), catalog, id, place);
      set_type(field, *scalar, catalog, stripped);
      EncodeOperation op;
      op.encoding = scalar->encoding;
      op.tag = tag(field.number(), scalar->wire);
      op.offset = place.offset;
      op.size = type.size;
      if (place.bit_size > 0) {
        op.offset = place.offset * 8 + place.bit_offset;
        op.size = place.bit_size;
        op.encoding =
            type.kind == Kind::boolean || !type.is_signed ? Encoding::unsigned_bits : Encoding::signed_bits;
      }
      if (scalar->type != FieldDescriptorProto::TYPE_MESSAGE) message.make_presence_explicit(field);
      message.fields.push_back({op});
      return;
    }
    if (type.size == 0) return;
    FieldDescriptorProto& field = describe(message.add(name), catalog, id, place);
    field.set_type(FieldDescriptorProto::TYPE_BYTES);
    message.make_presence_explicit(field);
    message.fields.push_back({{.encoding = Encoding::bytes,
                               .tag = tag(field.number(), kDelimited),
                               .offset = place.offset,
                               .size = type.size}});
  }

  DescriptorProto& new_message(const std::string& name) {
    DescriptorProto& message = *file_.add_message_type();
    message.set_name(unique(identifier(name), message_names_));
    return message;
  }
  [[nodiscard]] std::string full_name(const DescriptorProto& message) const {
    return package_ + message.name();
  }
  google::protobuf::FileDescriptorProto& file() { return file_; }

  static Operations nested(Encoding encoding, int number, std::uint64_t offset, std::uint64_t count,
                           std::uint64_t stride, const Operations& body) {
    EncodeOperation op;
    op.encoding = encoding;
    op.tag = tag(number, kDelimited);
    op.offset = offset;
    op.count = count;
    op.stride = stride;
    op.body = static_cast<std::uint32_t>(body.size());
    Operations result{op};
    result.insert(result.end(), body.begin(), body.end());
    return result;
  }
  static std::uint32_t tag(int number, std::uint32_t wire) {
    return static_cast<std::uint32_t>(number) << 3 | wire;
  }

 private:
  struct Record {
    std::string name;
    Operations body;
  };
  using Key = std::pair<const Catalog*, TypeId>;

  static FieldDescriptorProto& describe(FieldDescriptorProto& field, const Catalog& catalog, TypeId id,
                                        const Place& place) {
    field.mutable_options()->SetExtension(vmitap::c_type, catalog.spelling(id));
    if (!place.expression.empty())
      field.mutable_options()->SetExtension(vmitap::expression, std::string(place.expression));
    return field;
  }

  std::optional<Scalar> scalar_of(const Catalog& catalog, TypeId stripped) {
    const Type& type = catalog[stripped];
    using F = FieldDescriptorProto;
    switch (type.kind) {
      case Kind::boolean:
        if (type.size != 1) break;
        return Scalar{Encoding::boolean, F::TYPE_BOOL, kVarint};
      case Kind::integer:
      case Kind::character:
        switch (type.size) {
          case 1:
            return type.is_signed ? Scalar{Encoding::i8, F::TYPE_INT32, kVarint}
                                  : Scalar{Encoding::u8, F::TYPE_UINT32, kVarint};
          case 2:
            return type.is_signed ? Scalar{Encoding::i16, F::TYPE_INT32, kVarint}
                                  : Scalar{Encoding::u16, F::TYPE_UINT32, kVarint};
          case 4:
            return type.is_signed ? Scalar{Encoding::i32, F::TYPE_INT32, kVarint}
                                  : Scalar{Encoding::u32, F::TYPE_UINT32, kVarint};
          case 8:
            return type.is_signed ? Scalar{Encoding::i64, F::TYPE_INT64, kVarint}
                                  : Scalar{Encoding::u64, F::TYPE_UINT64, kVarint};
          case 16:
            return type.is_signed ? Scalar{Encoding::int128, F::TYPE_MESSAGE, kDelimited}
                                  : Scalar{Encoding::uint128, F::TYPE_MESSAGE, kDelimited};
          default:
            break;
        }
        break;
      case Kind::floating:
        if (type.size == 4) return Scalar{Encoding::f32, F::TYPE_FLOAT, kFixed32};
        if (type.size == 8) return Scalar{Encoding::f64, F::TYPE_DOUBLE, kFixed64};
        if (type.size == 16)
          return Scalar{
              type.name.find("128") != std::string::npos ? Encoding::float128 : Encoding::long_double,
              F::TYPE_DOUBLE, kFixed64};
        break;
      case Kind::enumeration:
        switch (type.size) {
          case 1:
            return Scalar{type.is_signed ? Encoding::i8 : Encoding::u8, F::TYPE_ENUM, kVarint};
          case 2:
            return Scalar{type.is_signed ? Encoding::i16 : Encoding::u16, F::TYPE_ENUM, kVarint};
          case 4:
            return Scalar{Encoding::i32, F::TYPE_ENUM, kVarint};  // protobuf's enums are 32 signed bits
          case 8:
            return type.is_signed ? Scalar{Encoding::i64, F::TYPE_INT64, kVarint}
                                  : Scalar{Encoding::u64, F::TYPE_UINT64, kVarint};
          default:
            break;
        }
        break;
      case Kind::pointer:
        if (type.size != 8) break;
        return Scalar{Encoding::fixed64, F::TYPE_FIXED64, kFixed64};
      default:
        break;
    }
    return std::nullopt;
  }

  void set_type(FieldDescriptorProto& field, const Scalar& scalar, const Catalog& catalog, TypeId stripped) {
    field.set_type(scalar.type);
    if (scalar.type == FieldDescriptorProto::TYPE_ENUM) field.set_type_name(enumeration(catalog, stripped));
    if (scalar.encoding == Encoding::int128) field.set_type_name(".vmitap.Int128");
    if (scalar.encoding == Encoding::uint128) field.set_type_name(".vmitap.UInt128");
    if (catalog[stripped].kind == Kind::pointer) field.mutable_options()->SetExtension(vmitap::address, true);
  }

  void add_array(Message& message, std::string_view name, const Catalog& catalog, TypeId element,
                 std::uint64_t count, const Place& place, TypeId whole = 0) {
    const TypeId stripped = catalog.strip(element);
    const Type& type = catalog[stripped];
    if (count == 0 || type.size == 0) return;
    FieldDescriptorProto& field = describe(message.add(name), catalog, whole != 0 ? whole : element, place);
    if (type.kind == Kind::character || (type.kind == Kind::integer && type.size == 1)) {
      const bool text = type.kind == Kind::character;
      field.set_type(text ? FieldDescriptorProto::TYPE_STRING : FieldDescriptorProto::TYPE_BYTES);
      message.make_presence_explicit(field);
      message.fields.push_back({{.encoding = text ? Encoding::text : Encoding::bytes,
                                 .tag = tag(field.number(), kDelimited),
                                 .offset = place.offset,
                                 .size = count}});
      return;
    }
    field.set_label(FieldDescriptorProto::LABEL_REPEATED);
    EncodeOperation op;
    op.encoding = Encoding::repeated;
    op.tag = tag(field.number(), kDelimited);
    op.offset = place.offset;
    op.size = type.size;
    op.count = count;
    op.stride = type.size;
    if (type.kind == Kind::record && !type.is_declaration) {
      field.set_type(FieldDescriptorProto::TYPE_MESSAGE);
      field.set_type_name(record(catalog, stripped).name);
      message.fields.push_back(nested(Encoding::messages, field.number(), place.offset, count, type.size,
                                      record(catalog, stripped).body));
    } else if (type.kind == Kind::array) {
      const Type& inner = catalog[catalog.strip(type.target)];
      if (inner.kind == Kind::character || (inner.kind == Kind::integer && inner.size == 1)) {
        const bool text = inner.kind == Kind::character;
        field.set_type(text ? FieldDescriptorProto::TYPE_STRING : FieldDescriptorProto::TYPE_BYTES);
        op.element = text ? Encoding::text : Encoding::bytes;
        message.fields.push_back({op});
      } else {
        const Record& row_record = row(catalog, stripped);
        field.set_type(FieldDescriptorProto::TYPE_MESSAGE);
        field.set_type_name(row_record.name);
        message.fields.push_back(
            nested(Encoding::messages, field.number(), place.offset, count, type.size, row_record.body));
      }
    } else if (const auto scalar = scalar_of(catalog, stripped)) {
      set_type(field, *scalar, catalog, stripped);
      op.element = scalar->encoding;
      if (scalar->type != FieldDescriptorProto::TYPE_MESSAGE) op.encoding = Encoding::packed;
      message.fields.push_back({op});
    } else {
      field.set_type(FieldDescriptorProto::TYPE_BYTES);
      op.element = Encoding::bytes;
      message.fields.push_back({op});
    }
  }

  const Record& record(const Catalog& catalog, TypeId id) {
    const Key key{&catalog, id};
    if (const auto found = records_.find(key); found != records_.end()) return found->second;
    const Type& type = catalog[id];
    DescriptorProto proto;
    const std::string name = unique(identifier(type.name.empty() ? "unnamed" : type.name), message_names_);
    proto.set_name(name);
    proto.mutable_options()->SetExtension(vmitap::c_struct, catalog.spelling(id));
    Message message(proto);
    add_members(message, catalog, type, 0);
    *file_.add_message_type() = std::move(proto);
    return records_.emplace(key, Record{package_ + name, message.backwards()}).first->second;
  }

  void add_members(Message& message, const Catalog& catalog, const Type& type, std::uint64_t base) {
    for (const Member& member : type.members) {
      if (member.is_virtual_base) continue;
      if (member.name.empty() && !member.is_base) {
        const Type& inner = catalog[catalog.strip(member.type)];
        if (inner.kind == Kind::record) add_members(message, catalog, inner, base + member.offset);
        continue;  // an unnamed bit-field is padding
      }
      Place place;
      place.offset = base + (member.bit_size > 0 ? 0 : member.offset);
      place.bit_offset = member.bit_offset;
      place.bit_size = member.bit_size;
      add(message, member.name, catalog, member.type, place);
    }
  }

  const Record& row(const Catalog& catalog, TypeId array) {
    const Key key{&catalog, array};
    if (const auto found = records_.find(key); found != records_.end()) return found->second;
    DescriptorProto proto;
    const std::string name = unique(identifier("row_of_" + catalog.spelling(array)), message_names_);
    proto.set_name(name);
    proto.mutable_options()->SetExtension(vmitap::row, true);
    Message message(proto);
    add(message, "items", catalog, array, {});
    *file_.add_message_type() = std::move(proto);
    return records_.emplace(key, Record{package_ + name, message.backwards()}).first->second;
  }

  // Each enumeration in a message of its own: protobuf's enumerators share their parent's scope.
  std::string enumeration(const Catalog& catalog, TypeId id) {
    const Key key{&catalog, id};
    if (const auto found = enumerations_.find(key); found != enumerations_.end()) return found->second;
    const Type& type = catalog[id];
    DescriptorProto& scope = new_message(type.name.empty() ? "unnamed_enum" : type.name);
    scope.mutable_options()->SetExtension(vmitap::c_struct, catalog.spelling(id));
    EnumDescriptorProto& values = *scope.add_enum_type();
    values.set_name("Value");
    std::set<std::string> names;
    std::map<std::string, std::int32_t> folds;
    std::set<std::int32_t> numbers;
    const auto enumerator = [&](const std::string& c_name, std::int32_t number) {
      std::string name = identifier(c_name);
      const auto collides = [&](const std::string& candidate) {
        const auto fold = folds.find(folded(candidate));
        return names.contains(candidate) || (fold != folds.end() && fold->second != number);
      };
      for (int i = 2; collides(name); ++i) name = identifier(c_name) + "_" + std::to_string(i) + "_";
      names.insert(name);
      folds.emplace(folded(name), number);
      if (!numbers.insert(number).second) values.mutable_options()->set_allow_alias(true);
      auto& value = *values.add_value();
      value.set_name(name);
      value.set_number(number);
    };
    // proto3 wants zero first.
    const auto zero = std::ranges::find(type.enumerators, 0, &Enumerator::value);
    enumerator(zero != type.enumerators.end() ? zero->name : scope.name() + "_0", 0);
    for (auto each = type.enumerators.begin(); each != type.enumerators.end(); ++each)
      if (each != zero) enumerator(each->name, static_cast<std::int32_t>(each->value));
    return enumerations_[key] = package_ + scope.name() + ".Value";
  }

  std::string package_;  // with dots around
  google::protobuf::FileDescriptorProto file_;
  std::set<std::string> message_names_;
  std::map<Key, Record> records_;
  std::map<Key, std::string> enumerations_;
};

}  // namespace

Result<RuleSchema> make_schema(std::string_view rule, const Catalog* arguments_catalog,
                               std::span<const Argument> arguments, std::uint64_t arguments_size,
                               std::span<const Value> values) {
  RuleSchema schema;
  const std::string package = "vmitap.rule." + identifier(rule);
  SchemaMaker maker(package);
  maker.file().set_name("vmitap/rule/" + identifier(rule) + ".proto");
  maker.file().set_syntax("proto3");
  maker.file().add_dependency("vmitap/vmitap.proto");

  DescriptorProto top;
  top.set_name("Record");
  const auto part = [&](const char* field_name, int number, const std::string& type) {
    FieldDescriptorProto& field = *top.add_field();
    field.set_name(field_name);
    field.set_number(number);
    field.set_label(FieldDescriptorProto::LABEL_OPTIONAL);
    field.set_type(FieldDescriptorProto::TYPE_MESSAGE);
    field.set_type_name(type);
  };
  part("facts", kFactsField, ".vmitap.Facts");

  if (arguments_catalog != nullptr && !arguments.empty()) {
    DescriptorProto proto;
    proto.set_name("Args");
    Message message(proto);
    for (const Argument& argument : arguments)
      maker.add(message, argument.name, *arguments_catalog, argument.type, {.offset = argument.offset, .elements = {}});
    *maker.file().add_message_type() = std::move(proto);
    part("args", kArgsField, "." + package + ".Args");
    schema.args = EncodePlan(SchemaMaker::nested(Encoding::message, kArgsField, 0, 1, 0, message.backwards()),
                             arguments_size);
  }
  if (!values.empty()) {
    DescriptorProto proto;
    proto.set_name("Values");
    Message message(proto);
    for (const Value& value : values) {
      message.fields.clear();
      SchemaMaker::Place place;
      place.bit_offset = value.bit_offset;
      place.bit_size = value.bit_size;
      place.elements = value.elements;
      place.expression = value.expression;
      maker.add(message, value.expression, *value.catalog, value.type, place);
      schema.values.emplace_back(message.backwards(), value.fetch.size);
    }
    *maker.file().add_message_type() = std::move(proto);
    part("values", kValuesField, "." + package + ".Values");
  }
  *maker.file().add_message_type() = std::move(top);

  google::protobuf::FileDescriptorProto::descriptor()->file()->CopyTo(schema.files.add_file());
  vmitap::Facts::descriptor()->file()->CopyTo(schema.files.add_file());
  *schema.files.add_file() = std::move(maker.file());
  schema.message = package + ".Record";
  return schema;
}

}  // namespace vmitap::types
