// SPDX-License-Identifier: MIT
// Any catalog that passes layout_check.hpp has a schema that a descriptor pool takes, or an error; and
// its plan reads no byte outside of the value, however the value's bytes are.
#include <google/protobuf/dynamic_message.h>

#include <cstdlib>
#include <cstring>
#include <iostream>

#include "types/layout_check.hpp"
#include "types/schema.hpp"

namespace vmitap::types {
namespace {

// Takes decisions from the input; zeroes when that is used up.
class Choices {
 public:
  Choices(const unsigned char* data, std::size_t size) : data_(data), size_(size) {}
  std::uint64_t below(std::uint64_t limit) {
    return limit < 2 ? 0 : (limit > 255 ? byte() << 8 | byte() : byte()) % limit;
  }
  std::uint64_t byte() {
    if (size_ == 0) return 0;
    --size_;
    return *data_++;
  }
  [[nodiscard]] bool is_empty() const { return size_ == 0; }
  std::string name() {
    static constexpr const char* kNames[] = {
        "",     "a",    "A",         "_a",       "a_b",         "aB",        "values", "Rule",
        "Args", "x->y", "std::byte", "\xc3\xa4", "long double", "_Float128", "Int128", "3"};
    return kNames[below(std::size(kNames))];
  }

 private:
  const unsigned char* data_;
  std::size_t size_;
};

std::uint64_t size_of(const Catalog& catalog, TypeId id) { return catalog[id].size; }

Type make_type(const Catalog& catalog, Choices& choices) {
  Type type;
  type.name = choices.name();
  type.kind = static_cast<Kind>(choices.below(12));
  type.is_signed = choices.below(2) != 0;
  type.size = std::uint64_t{1} << choices.below(5);
  type.target = static_cast<TypeId>(choices.below(catalog.types.size()));
  switch (type.kind) {
    case Kind::array:
      type.is_flexible = choices.below(8) == 0;
      type.count = type.is_flexible ? 0 : choices.below(choices.below(2) != 0 ? 6 : 1000);
      type.size = type.count * size_of(catalog, type.target);
      break;
    case Kind::typedef_:
      type.size = size_of(catalog, type.target);
      break;
    case Kind::enumeration:
      for (std::uint64_t i = choices.below(6); i > 0; --i) {
        type.enumerators.push_back({choices.name(), static_cast<std::int64_t>(choices.byte()) - 128});
      }
      break;
    case Kind::record: {
      type.is_declaration = choices.below(16) == 0;
      type.record = static_cast<RecordKind>(choices.below(3));
      type.size = 0;
      for (std::uint64_t i = choices.below(9); i > 0; --i) {
        Member member;
        member.name = choices.name();
        member.type = static_cast<TypeId>(choices.below(catalog.types.size()));
        member.offset = choices.below(4) == 0 ? choices.below(64) : type.size;
        const std::uint64_t how = choices.byte();
        member.is_base = how % 16 == 0;
        member.is_virtual_base = how % 64 == 0;
        if (how % 4 == 1) {
          member.bit_offset = member.offset * 8 + choices.below(16);
          member.bit_size = static_cast<std::uint32_t>(choices.below(129));
        }
        type.size = std::max(type.size, member.offset + size_of(catalog, member.type));
        type.members.push_back(std::move(member));
      }
      break;
    }
    default:
      break;
  }
  if (choices.below(32) == 0) type.size = choices.byte();
  return type;
}

void run(Choices choices) {
  auto catalog = std::make_shared<Catalog>();
  for (std::uint64_t i = choices.below(24) + 1; i > 0; --i) {
    Type type = make_type(*catalog, choices);
    catalog->types.push_back(std::move(type));
  }
  // Ids are in range by construction; what breaks the other rules is made opaque, as object.cpp does.
  for (const TypeId id : unsound_types(*catalog)) (*catalog).types[id].kind = Kind::opaque;

  Value value;
  value.expression = choices.name();
  value.catalog = catalog;
  value.type = static_cast<TypeId>(catalog->types.size() - 1);
  std::uint64_t size = (*catalog)[value.type].size;
  if (choices.below(4) == 0) {
    value.elements = choices.below(9);
    size *= *value.elements;
  }
  if (size > kValueMax) return;
  value.fetch.size = static_cast<std::uint32_t>(size);
  const std::vector<Value> values{value, value};
  const auto schema = make_schema(choices.name(), nullptr, {}, 0, values);
  if (!schema) return;

  // Of exactly that size, so that AddressSanitizer sees each byte that is read beyond it.
  const std::unique_ptr<std::byte[]> bytes{new std::byte[size]};
  for (std::uint64_t i = 0; i < size; ++i)
    bytes[i] = static_cast<std::byte>(choices.is_empty() ? i * 37 : choices.byte());
  BackWriter out{0};
  for (std::size_t i = values.size(); i-- > 0;) {
    const std::size_t before = out.size();
    schema->values[i].encode({bytes.get(), size}, out);
    if (out.size() - before > schema->values[i].encoded_max()) std::abort();
  }
  const std::size_t encoded = out.size();
  out.varint(encoded);
  out.tag(kValuesField, 2);

  google::protobuf::DescriptorPool pool;
  for (const auto& file : schema->files.file()) {
    if (pool.BuildFile(file) == nullptr) {
      std::cerr << file.DebugString();
      std::abort();
    }
  }
  if (encoded > 1u << 20) return;
  google::protobuf::DynamicMessageFactory factory{&pool};
  const std::unique_ptr<google::protobuf::Message> record{
      factory.GetPrototype(pool.FindMessageTypeByName(schema->message))->New()};
  if (!record->ParseFromArray(out.bytes().data(), static_cast<int>(out.size()))) std::abort();
}

}  // namespace
}  // namespace vmitap::types

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, std::size_t size) {
  vmitap::types::run({data, size});
  return 0;
}
