// SPDX-License-Identifier: MIT
#include "sink/render.hpp"

#include <fmt/format.h>
#include <google/protobuf/descriptor.h>

#include <cmath>
#include <cstdlib>
#include <ctime>
#include <iterator>
#include <map>
#include <nlohmann/json.hpp>
#include <vector>

#include "base/printable.hpp"
#include "sink/connection.hpp"
#include "sink/hex.hpp"
#include "sink/record_decoder.hpp"
#include "types/schema.hpp"

namespace vmitap::sink {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::Reflection;

// Members in the order in which they come; unlike operator[] it does not look for one of that name.
void append(Json& object, std::string key, Json value) {
  Json::object_t& members = object.get_ref<Json::object_t&>();
  static_cast<Json::object_t::Container&>(members).emplace_back(std::move(key), std::move(value));
}

Json floating(double value, bool is_float) {
  if (std::isnan(value)) return "NaN";
  if (std::isinf(value)) return value < 0 ? "-Infinity" : "Infinity";
  // The double that is written as the float's shortest text.
  if (is_float) return std::strtod(fmt::format("{}", static_cast<float>(value)).c_str(), nullptr);
  return value;
}

// nullptr if it is not what vmitap.proto says; the descriptors are the file's own.
const FieldDescriptor* half(const Descriptor& type, const char* name, FieldDescriptor::CppType of) {
  const FieldDescriptor* const field = type.FindFieldByName(name);
  return field != nullptr && !field->is_repeated() && field->cpp_type() == of ? field : nullptr;
}

bool render_int128(const Message& message, Json& json) {
  const Descriptor& type = *message.GetDescriptor();
  const bool is_signed = type.full_name() == "vmitap.Int128";
  if (!is_signed && type.full_name() != "vmitap.UInt128") return false;
  const auto* const high =
      half(type, "high", is_signed ? FieldDescriptor::CPPTYPE_INT64 : FieldDescriptor::CPPTYPE_UINT64);
  const auto* const low = half(type, "low", FieldDescriptor::CPPTYPE_UINT64);
  if (high == nullptr || low == nullptr) return false;
  const Reflection& of = *message.GetReflection();
  const auto top =
      is_signed ? static_cast<std::uint64_t>(of.GetInt64(message, high)) : of.GetUInt64(message, high);
  const auto bits = static_cast<unsigned __int128>(top) << 64 | of.GetUInt64(message, low);
  json = is_signed ? fmt::format("{}", static_cast<__int128>(bits)) : fmt::format("{}", bits);
  return true;
}

// The one field of a message that stands for a row; nullptr for others.
const FieldDescriptor* row_of(const Descriptor& type) {
  const bool is_row =
      type.options().GetExtension(vmitap::row) && type.field_count() == 1 && type.field(0)->is_repeated();
  return is_row ? type.field(0) : nullptr;
}

Json integer(const FieldDescriptor& field, auto value) {
  if (field.options().GetExtension(vmitap::address))
    return fmt::format("{:#x}", static_cast<std::uint64_t>(value));
  return value;
}

Json repeated(const Message& message, const FieldDescriptor& field);

Json nested(const Message& message) {
  if (Json json; render_int128(message, json)) return json;
  const FieldDescriptor* const row = row_of(*message.GetDescriptor());
  return row != nullptr ? repeated(message, *row) : to_json(message);
}

// One value: of the field itself, or its element `i`.
Json value(const Message& message, const FieldDescriptor& field, int i) {
  const Reflection& of = *message.GetReflection();
  const bool one = !field.is_repeated();
  switch (field.cpp_type()) {
    case FieldDescriptor::CPPTYPE_INT32:
      return integer(field, one ? of.GetInt32(message, &field) : of.GetRepeatedInt32(message, &field, i));
    case FieldDescriptor::CPPTYPE_INT64:
      return integer(field, one ? of.GetInt64(message, &field) : of.GetRepeatedInt64(message, &field, i));
    case FieldDescriptor::CPPTYPE_UINT32:
      return integer(field, one ? of.GetUInt32(message, &field) : of.GetRepeatedUInt32(message, &field, i));
    case FieldDescriptor::CPPTYPE_UINT64:
      return integer(field, one ? of.GetUInt64(message, &field) : of.GetRepeatedUInt64(message, &field, i));
    case FieldDescriptor::CPPTYPE_DOUBLE:
      return floating(one ? of.GetDouble(message, &field) : of.GetRepeatedDouble(message, &field, i), false);
    case FieldDescriptor::CPPTYPE_FLOAT:
      return floating(one ? of.GetFloat(message, &field) : of.GetRepeatedFloat(message, &field, i), true);
    case FieldDescriptor::CPPTYPE_BOOL:
      return one ? of.GetBool(message, &field) : of.GetRepeatedBool(message, &field, i);
    case FieldDescriptor::CPPTYPE_ENUM: {
      const int number = one ? of.GetEnumValue(message, &field) : of.GetRepeatedEnumValue(message, &field, i);
      const auto* const known = field.enum_type()->FindValueByNumber(number);
      return known != nullptr ? Json(known->name()) : Json(number);
    }
    case FieldDescriptor::CPPTYPE_STRING: {
      std::string scratch;
      const std::string& text = one ? of.GetStringReference(message, &field, &scratch)
                                    : of.GetRepeatedStringReference(message, &field, i, &scratch);
      return field.type() == FieldDescriptor::TYPE_BYTES ? hex_of(text) : text;
    }
    case FieldDescriptor::CPPTYPE_MESSAGE:
      return nested(one ? of.GetMessage(message, &field) : of.GetRepeatedMessage(message, &field, i));
  }
  return nullptr;
}

Json repeated(const Message& message, const FieldDescriptor& field) {
  const int size = message.GetReflection()->FieldSize(message, &field);
  Json array = Json::array();
  array.get_ref<Json::array_t&>().reserve(static_cast<std::size_t>(size));
  for (int i = 0; i < size; ++i) array.push_back(value(message, field, i));
  return array;
}

// By key in alphabetical order; libprotobuf's own order is random.
Json map(const Message& message, const FieldDescriptor& field) {
  const Reflection& of = *message.GetReflection();
  std::map<std::string, Json> sorted;
  for (int i = 0; i < of.FieldSize(message, &field); ++i) {
    const Message& entry = of.GetRepeatedMessage(message, &field, i);
    const Json key = value(entry, *field.message_type()->map_key(), 0);
    sorted[key.is_string() ? key.get<std::string>() : key.dump()] =
        value(entry, *field.message_type()->map_value(), 0);
  }
  Json object = Json::object();
  for (auto& [key, content] : sorted) append(object, key, std::move(content));
  return object;
}

std::string iso_time(std::uint64_t time_ns) {
  const auto seconds = static_cast<std::time_t>(time_ns / 1'000'000'000);
  std::tm utc{};
  gmtime_r(&seconds, &utc);
  return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:09}Z", utc.tm_year + 1900, utc.tm_mon + 1,
                     utc.tm_mday, utc.tm_hour, utc.tm_min, utc.tm_sec, time_ns % 1'000'000'000);
}

Json mode(Mode mode) { return Mode_IsValid(mode) ? Json(Mode_Name(mode)) : Json(static_cast<int>(mode)); }

Json reason(Unread::Reason reason) {
  return Unread::Reason_IsValid(reason) ? Json(Unread::Reason_Name(reason)) : Json(static_cast<int>(reason));
}

Json fallback(Facts::Fallback why) {
  return Facts::Fallback_IsValid(why) ? Json(Facts::Fallback_Name(why)) : Json(static_cast<int>(why));
}

Json head(std::string_view rule) {
  Json json = Json::object();
  append(json, "rule", rule);
  return json;
}

void append_time(Json& json, std::uint64_t time_ns) {
  append(json, "time", iso_time(time_ns));
  append(json, "time_ns", time_ns);
}

// A rule's own fields of the record: its arguments or its values.
Json part(const Message& message, int number) {
  const FieldDescriptor* const field = message.GetDescriptor()->FindFieldByNumber(number);
  if (field == nullptr || field->is_repeated() || field->message_type() == nullptr) return Json::object();
  return to_json(message.GetReflection()->GetMessage(message, field));
}

}  // namespace

const std::string& field_key(const FieldDescriptor& field) {
  return field.has_json_name() ? field.json_name() : field.name();
}

bool has_facts(const Descriptor& type) {
  const FieldDescriptor* const facts = type.FindFieldByNumber(types::kFactsField);
  return facts != nullptr && facts->message_type() != nullptr &&
         facts->message_type()->full_name() == Facts::descriptor()->full_name();
}

const FieldDescriptor* row_field(const FieldDescriptor& field) {
  return field.message_type() != nullptr ? row_of(*field.message_type()) : nullptr;
}

Json to_json(const Message& message) {
  Json json = Json::object();
  const Descriptor& type = *message.GetDescriptor();
  const Reflection& of = *message.GetReflection();
  for (int i = 0; i < type.field_count(); ++i) {
    const FieldDescriptor& field = *type.field(i);
    if (field.is_map()) {
      append(json, field_key(field), map(message, field));
    } else if (field.is_repeated()) {
      if (of.FieldSize(message, &field) > 0) append(json, field_key(field), repeated(message, field));
    } else if (!field.has_presence() || of.HasField(message, &field)) {
      append(json, field_key(field), value(message, field, 0));
    }
  }
  return json;
}

Json record_json(std::string_view rule, const ReadRecord& record, const Message& message) {
  Json json = head(rule);
  if (!has_facts(*message.GetDescriptor())) {
    append_time(json, record.time_ns);
    append(json, "message", to_json(message));
    return json;
  }
  const Facts facts = facts_of(record.message).value_or(Facts());
  append(json, "trigger", facts.trigger());
  append(json, "sequence", facts.sequence());
  append_time(json, facts.time_ns());
  append(json, "monotonic_ns", facts.monotonic_ns());
  append(json, "thread", facts.thread());
  append(json, "mode", mode(facts.mode()));
  if (facts.fallback() != Facts::FALLBACK_UNSPECIFIED) append(json, "fallback", fallback(facts.fallback()));
  if (!facts.fallback_detail().empty()) append(json, "fallback_detail", facts.fallback_detail());
  if (facts.has_skid_ns()) append(json, "skid_ns", facts.skid_ns());
  if (facts.has_pause_ns()) append(json, "pause_ns", facts.pause_ns());
  if (facts.lost_before() > 0) append(json, "lost_before", facts.lost_before());
  if (!facts.guest().empty()) append(json, "guest", facts.guest());
  Json args = part(message, types::kArgsField);
  if (const auto packet = args.find("packet"); packet != args.end())
    if (std::string connection = connection_text(*packet); !connection.empty())
      append(json, "connection", std::move(connection));
  if (!args.empty()) append(json, "args", std::move(args));
  if (Json values = part(message, types::kValuesField); !values.empty())
    append(json, "values", std::move(values));
  if (facts.unread_size() > 0) {
    Json unread = Json::array();
    for (const Unread& what : facts.unread()) {
      Json entry = Json::object();
      append(entry, "value", what.value());
      append(entry, "reason", reason(what.reason()));
      if (what.has_address()) append(entry, "address", fmt::format("{:#x}", what.address()));
      unread.push_back(std::move(entry));
    }
    append(json, "unread", std::move(unread));
  }
  return json;
}

Json undecoded_json(std::string_view rule, const ReadRecord& record) {
  Json json = head(rule);
  append_time(json, record.time_ns);
  append(json, "undecoded",
         hex_of({reinterpret_cast<const char*>(record.message.data()), record.message.size()}));
  return json;
}

std::string one_line(const Json& json) {
  constexpr auto kReplace = Json::error_handler_t::replace;  // proto2 text need not be UTF-8
  std::string line = json.dump(-1, ' ', false, kReplace);
  if (!is_printable(line)) line = json.dump(-1, ' ', true, kReplace);
  return line;
}

}  // namespace vmitap::sink
