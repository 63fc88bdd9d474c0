// SPDX-License-Identifier: MIT
#include "types/schema_descriptor.hpp"

#include <unordered_set>

#include "vmitap/vmitap.pb.h"

namespace vmitap::types {
namespace {

using google::protobuf::DescriptorProto;
using google::protobuf::EnumDescriptorProto;
using google::protobuf::FieldDescriptorProto;
using google::protobuf::FileDescriptorProto;
using Form = FieldType::Form;

class Describer {
 public:
  Describer(const std::string& package, const SchemaModel& model) : model_(model) {
    prefix_.append(package).append(".");
  }

  [[nodiscard]] DescriptorProto message(const MessageModel& model) const {
    DescriptorProto message;
    message.set_name(model.name);
    if (!model.c_struct.empty()) message.mutable_options()->SetExtension(vmitap::c_struct, model.c_struct);
    if (model.is_row) message.mutable_options()->SetExtension(vmitap::row, true);
    for (const FieldModel& each : model.fields) add_field(each, message);
    add_presence(message);
    return message;
  }

  [[nodiscard]] static DescriptorProto enumeration(const EnumModel& model) {
    DescriptorProto scope;
    scope.set_name(model.scope);
    EnumDescriptorProto& enumeration = *scope.add_enum_type();
    enumeration.set_name(model.name);
    if (model.has_aliases) enumeration.mutable_options()->set_allow_alias(true);
    for (const auto& [name, number] : model.values) {
      auto& value = *enumeration.add_value();
      value.set_name(name);
      value.set_number(number);
    }
    return scope;
  }

 private:
  void add_field(const FieldModel& model, DescriptorProto& message) const {
    FieldDescriptorProto& field = *message.add_field();
    field.set_name(model.name);
    field.set_json_name(model.json_name);
    field.set_number(static_cast<std::int32_t>(model.number));
    set_type(model.type, field);
    field.set_label(model.type.is_repeated ? FieldDescriptorProto::LABEL_REPEATED
                                           : FieldDescriptorProto::LABEL_OPTIONAL);
    if (!model.type.is_repeated && field.type() != FieldDescriptorProto::TYPE_MESSAGE) {
      field.set_proto3_optional(true);
    }
    auto& options = *field.mutable_options();
    options.SetExtension(vmitap::c_type, model.c_type);
    if (!model.expression.empty()) options.SetExtension(vmitap::expression, model.expression);
    if (model.type.form == Form::scalar && model.type.scalar == Scalar::address) {
      options.SetExtension(vmitap::address, true);
    }
  }

  void set_type(const FieldType& type, FieldDescriptorProto& field) const {
    switch (type.form) {
      case Form::scalar:
        set_scalar(type.scalar, field);
        break;
      case Form::enumeration: {
        const EnumModel& model = model_.enums()[type.model];
        field.set_type(FieldDescriptorProto::TYPE_ENUM);
        field.set_type_name(prefix_ + model.scope + "." + model.name);
        break;
      }
      case Form::text:
        field.set_type(FieldDescriptorProto::TYPE_STRING);
        break;
      case Form::bytes:
        field.set_type(FieldDescriptorProto::TYPE_BYTES);
        break;
      case Form::message:
        field.set_type(FieldDescriptorProto::TYPE_MESSAGE);
        field.set_type_name(prefix_ + model_.messages()[type.model].name);
        break;
    }
  }

  static void set_scalar(Scalar scalar, FieldDescriptorProto& field) {
    switch (scalar) {
      case Scalar::boolean:
        return field.set_type(FieldDescriptorProto::TYPE_BOOL);
      case Scalar::u8:
      case Scalar::u16:
      case Scalar::u32:
        return field.set_type(FieldDescriptorProto::TYPE_UINT32);
      case Scalar::u64:
        return field.set_type(FieldDescriptorProto::TYPE_UINT64);
      case Scalar::s8:
      case Scalar::s16:
      case Scalar::s32:
        return field.set_type(FieldDescriptorProto::TYPE_INT32);
      case Scalar::s64:
        return field.set_type(FieldDescriptorProto::TYPE_INT64);
      case Scalar::float32:
        return field.set_type(FieldDescriptorProto::TYPE_FLOAT);
      case Scalar::float64:
      case Scalar::x87:
      case Scalar::binary128:
        return field.set_type(FieldDescriptorProto::TYPE_DOUBLE);
      case Scalar::address:
        return field.set_type(FieldDescriptorProto::TYPE_FIXED64);
      case Scalar::int128:
      case Scalar::uint128:
        field.set_type(FieldDescriptorProto::TYPE_MESSAGE);
        return field.set_type_name(scalar == Scalar::int128 ? ".vmitap.Int128" : ".vmitap.UInt128");
    }
  }

  // Proto3 says "may be absent" by a oneof around the field, behind all others, named as protoc would.
  static void add_presence(DescriptorProto& message) {
    std::unordered_set<std::string> names;
    for (const auto& field : message.field()) names.insert(field.name());
    for (auto& field : *message.mutable_field()) {
      if (!field.proto3_optional()) continue;
      std::string name{"_"};
      name += field.name();
      while (!names.insert(name).second) name.insert(name.begin(), 'X');
      field.set_oneof_index(message.oneof_decl_size());
      message.add_oneof_decl()->set_name(name);
    }
  }

  std::string prefix_{"."};
  const SchemaModel& model_;
};

}  // namespace

DescriptorProto describe_message(const std::string& package, const SchemaModel& model,
                                 const MessageModel& message) {
  return Describer(package, model).message(message);
}

FileDescriptorProto describe_file(const std::string& package, const SchemaModel& model) {
  FileDescriptorProto file;
  file.set_package(package);
  file.set_syntax("proto3");
  file.add_dependency(vmitap::Facts::descriptor()->file()->name());
  const Describer describer{package, model};
  for (const MessageModel& each : model.messages()) *file.add_message_type() = describer.message(each);
  for (const EnumModel& each : model.enums()) *file.add_message_type() = Describer::enumeration(each);
  return file;
}

}  // namespace vmitap::types
