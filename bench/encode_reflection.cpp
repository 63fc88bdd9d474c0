// SPDX-License-Identifier: MIT
#include "encode_reflection.hpp"

#include <cstring>
#include <string>

namespace bench {

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using vmitap::types::Kind;
using vmitap::types::Member;
using vmitap::types::Type;

ReflectionFill::ReflectionFill(const vmitap::types::Catalog& catalog, vmitap::types::TypeId record,
                               const google::protobuf::Descriptor& message) {
  for (const Member& member : catalog[record].members) {
    vmitap::types::TypeId id = catalog.strip(member.type);
    Field field{};
    field.field = message.FindFieldByName(member.name);
    field.offset = member.bit_size != 0 ? member.bit_offset / 8 : member.offset;
    field.bit_offset = static_cast<std::uint32_t>(member.bit_offset % 8);
    field.bit_size = member.bit_size;
    if (catalog[id].kind == Kind::array) {
      field.count = static_cast<std::uint32_t>(catalog[id].count);
      id = catalog.strip(catalog[id].target);
    }
    field.size = static_cast<std::uint32_t>(catalog[id].size);
    field.is_signed = catalog[id].is_signed;
    if (catalog[id].kind == Kind::record)
      field.nested.emplace_back(catalog, id, *field.field->message_type());
    fields_.push_back(std::move(field));
  }
}

std::uint64_t ReflectionFill::integer(const std::byte* from, const Field& member) {
  std::uint64_t value = 0;
  unsigned bits = 8 * member.size;
  if (member.bit_size != 0) {
    std::memcpy(&value, from, (member.bit_offset + member.bit_size + 7) / 8);
    value >>= member.bit_offset;
    bits = member.bit_size;
  } else {
    std::memcpy(&value, from, member.size);
  }
  const unsigned unused = 64 - bits;
  value <<= unused;
  return member.is_signed ? static_cast<std::uint64_t>(static_cast<std::int64_t>(value) >> unused)
                          : value >> unused;
}

void ReflectionFill::fill(const std::byte* record, Message& into) const {
  const google::protobuf::Reflection& reflection = *into.GetReflection();
  for (const Field& member : fields_) {
    const FieldDescriptor* const field = member.field;
    const std::byte* const from = record + member.offset;
    if (field->is_repeated()) {
      for (std::uint32_t i = 0; i < member.count; ++i)
        reflection.AddUInt32(
            &into, field, static_cast<std::uint32_t>(integer(from + std::size_t{i} * member.size, member)));
      continue;
    }
    switch (field->cpp_type()) {
      case FieldDescriptor::CPPTYPE_MESSAGE:
        member.nested.front().fill(from, *reflection.MutableMessage(&into, field));
        break;
      case FieldDescriptor::CPPTYPE_STRING: {
        const auto* const text = reinterpret_cast<const char*>(from);
        reflection.SetString(&into, field, std::string(text, strnlen(text, member.count)));
        break;
      }
      case FieldDescriptor::CPPTYPE_DOUBLE: {
        double value = 0;
        std::memcpy(&value, from, sizeof value);
        reflection.SetDouble(&into, field, value);
        break;
      }
      case FieldDescriptor::CPPTYPE_BOOL:
        reflection.SetBool(&into, field, integer(from, member) != 0);
        break;
      case FieldDescriptor::CPPTYPE_ENUM:
        reflection.SetEnumValue(&into, field, static_cast<int>(integer(from, member)));
        break;
      case FieldDescriptor::CPPTYPE_INT32:
        reflection.SetInt32(&into, field, static_cast<std::int32_t>(integer(from, member)));
        break;
      case FieldDescriptor::CPPTYPE_UINT32:
        reflection.SetUInt32(&into, field, static_cast<std::uint32_t>(integer(from, member)));
        break;
      case FieldDescriptor::CPPTYPE_INT64:
        reflection.SetInt64(&into, field, static_cast<std::int64_t>(integer(from, member)));
        break;
      default:
        reflection.SetUInt64(&into, field, integer(from, member));
        break;
    }
  }
}

}  // namespace bench
