// SPDX-License-Identifier: MIT
#include "types/schema.hpp"

#include <utility>

#include "types/plan_compiler.hpp"
#include "types/schema_descriptor.hpp"
#include "types/schema_model.hpp"
#include "types/schema_names.hpp"
#include "vmitap/vmitap.pb.h"

namespace vmitap::types {
namespace {

using google::protobuf::DescriptorProto;
using google::protobuf::FieldDescriptorProto;
using google::protobuf::FileDescriptorProto;

// Two rules have two packages, also if their names differ in signs only.
std::string package_of(std::string_view rule) {
  std::string name = identifier(rule);
  if (name != rule) {
    std::uint32_t hash = 2166136261u;  // FNV-1a
    for (const char c : rule) hash = (hash ^ static_cast<unsigned char>(c)) * 16777619u;
    constexpr char kDigits[] = "0123456789abcdef";
    name += '_';
    for (int shift = 28; shift >= 0; shift -= 4) name += kDigits[hash >> shift & 15];
  }
  return "vmitap.rule." + name;
}

void add_part(DescriptorProto& message, const char* name, int number, const std::string& type) {
  FieldDescriptorProto& field = *message.add_field();
  field.set_name(name);
  field.set_json_name(name);
  field.set_number(number);
  field.set_label(FieldDescriptorProto::LABEL_OPTIONAL);
  field.set_type(FieldDescriptorProto::TYPE_MESSAGE);
  field.set_type_name(type);
}

}  // namespace

Result<RuleSchema> make_schema(std::string_view rule, const Catalog* arguments_catalog,
                               std::span<const Argument> arguments, std::uint64_t arguments_size,
                               std::span<const Value> values) {
  RuleSchema schema;
  SchemaModel model;
  const std::string package = package_of(rule);
  const std::string name = model.take_message_name(camel_case(identifier(rule)));
  schema.message = package + "." + name;

  DescriptorProto message;
  message.set_name(name);
  add_part(message, "facts", kFactsField, ".vmitap.Facts");
  const auto add_nested = [&](const char* field, int number, const MessageModel& nested) {
    *message.add_nested_type() = describe_message(package, model, nested);
    add_part(message, field, number, "." + schema.message + "." + nested.name);
  };
  if (arguments_catalog != nullptr && !arguments.empty()) {
    const auto args = model.arguments(*arguments_catalog, arguments);
    if (!args) return tl::unexpected(args.error());
    auto plan = compile(model, *args, kArgsField, arguments_size);
    if (!plan) return tl::unexpected(std::move(plan.error()));
    schema.args = std::move(*plan);
    add_nested("args", kArgsField, *args);
  }
  if (!values.empty()) {
    const auto fields = model.values(values);
    if (!fields) return tl::unexpected(fields.error());
    for (std::size_t i = 0; i < values.size(); ++i) {
      auto plan = compile(model, fields->fields[i], values[i].fetch.size);
      if (!plan) {
        plan.error().subject = values[i].expression;
        return tl::unexpected(std::move(plan.error()));
      }
      schema.values.push_back(std::move(*plan));
    }
    add_nested("values", kValuesField, *fields);
  }

  FileDescriptorProto file = describe_file(package, model);
  file.set_name("vmitap/rule/" + package.substr(package.rfind('.') + 1) + ".proto");
  *file.add_message_type() = std::move(message);
  google::protobuf::FileDescriptorProto::descriptor()->file()->CopyTo(schema.files.add_file());
  vmitap::Facts::descriptor()->file()->CopyTo(schema.files.add_file());
  *schema.files.add_file() = std::move(file);
  return schema;
}

}  // namespace vmitap::types
