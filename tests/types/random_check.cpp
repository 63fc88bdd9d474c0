// SPDX-License-Identifier: MIT
// Reads what a program of random_shapes.py printed and holds our reading of the same bytes against it,
// leaf by leaf: debug information → schema → plan → DynamicMessage.
//   random_check PROGRAM DIRECTORY < PRINTED
// Leaves a few records in DIRECTORY for stock protoc: NAME.set, NAME.record, NAME.text, NAME.type.
#include <google/protobuf/dynamic_message.h>
#include <google/protobuf/text_format.h>

#include <bit>
#include <charconv>
#include <cmath>
#include <fstream>
#include <iostream>
#include <sstream>
#include <string>
#include <vector>

#include "types/object.hpp"
#include "types/schema.hpp"

namespace pb = google::protobuf;

namespace vmitap::types {
namespace {

struct Leaf {
  std::string path;
  char kind = 0;
  std::string value;
};

struct Shape {
  std::string name;
  std::string bytes;
  std::vector<Leaf> leaves;
};

std::string from_hex(std::string_view hex) {
  std::string bytes;
  for (std::size_t i = 0; i + 1 < hex.size(); i += 2) {
    unsigned byte = 0;
    std::from_chars(hex.data() + i, hex.data() + i + 2, byte, 16);
    bytes.push_back(static_cast<char>(byte));
  }
  return bytes;
}

std::vector<Shape> read_shapes(std::istream& in) {
  std::vector<Shape> shapes;
  std::string line;
  while (std::getline(in, line)) {
    std::istringstream words{line};
    std::string word;
    words >> word;
    if (word == "shape") {
      Shape& shape = shapes.emplace_back();
      std::string hex;
      words >> shape.name >> hex;
      shape.bytes = from_hex(hex);
    } else {
      Leaf& leaf = shapes.back().leaves.emplace_back();
      words >> leaf.path >> leaf.kind >> std::ws;
      std::getline(words, leaf.value);
    }
  }
  return shapes;
}

// What of the text is UTF-8, by libprotobuf's own judgement.
std::string expected_text(const std::string& bytes) {
  const std::string text = bytes.substr(0, bytes.find('\0'));
  std::string expected;
  for (std::size_t i = 0; i < text.size();) {
    std::size_t length = 1;
    while (length <= 4 && i + length <= text.size() &&
           !pb::internal::IsStructurallyValidUTF8(text.data() + i, static_cast<int>(length))) {
      ++length;
    }
    if (length <= 4 && i + length <= text.size()) {
      expected += text.substr(i, length);
      i += length;
    } else {
      constexpr char kDigits[] = "0123456789abcdef";
      const auto byte = static_cast<unsigned char>(text[i++]);
      expected += {'\\', 'x', kDigits[byte >> 4], kDigits[byte & 15]};
    }
  }
  return expected;
}

bool is_row(const pb::Descriptor& type) {
  // The option is an extension that this pool knows by its own descriptor only.
  return type.options().ShortDebugString().find("row") != std::string::npos && type.field_count() == 1;
}

// A place in a message: a field, and which element of it.
struct Cursor {
  const pb::Message* message = nullptr;
  const pb::FieldDescriptor* field = nullptr;
  int index = -1;

  [[nodiscard]] const pb::Message& inner() const {
    const auto& reflection = *message->GetReflection();
    return field->is_repeated() ? reflection.GetRepeatedMessage(*message, field, index)
                                : reflection.GetMessage(*message, field);
  }
};

class Checker {
 public:
  explicit Checker(std::string directory) : directory_(std::move(directory)) {}

  bool check(const Shape& shape, std::shared_ptr<const Catalog> catalog) {
    shape_ = &shape;
    Value value;
    value.expression = "value";
    value.type = catalog->find(shape.name);
    if (value.type == 0) return complain("no such type in the debug information");
    value.fetch.size = static_cast<std::uint32_t>(shape.bytes.size());
    if ((*catalog)[value.type].size != shape.bytes.size()) return complain("another size");
    value.catalog = std::move(catalog);
    const auto schema = make_schema(shape.name, nullptr, {}, 0, {&value, 1});
    if (!schema) return complain("no schema: " + schema.error().subject + schema.error().operation);

    BackWriter out{16};
    schema->values[0].encode(std::as_bytes(std::span{shape.bytes}), out);
    if (out.size() > schema->values[0].encoded_max()) return complain("more than encoded_max()");
    const std::size_t size = out.size();
    out.varint(size);
    out.tag(kValuesField, 2);

    pb::DescriptorPool pool;
    for (const auto& file : schema->files.file()) {
      if (pool.BuildFile(file) == nullptr) return complain("refused by the descriptor pool");
    }
    pb::DynamicMessageFactory factory{&pool};
    const pb::Descriptor* const type = pool.FindMessageTypeByName(schema->message);
    const std::unique_ptr<pb::Message> record{factory.GetPrototype(type)->New()};
    if (!record->ParseFromArray(out.bytes().data(), static_cast<int>(out.size())))
      return complain("not decoded");
    if (has_unknown_fields(*record)) return complain("has fields that the schema does not have");

    const pb::Message& values = member(*record, "values").inner();
    root_ = member(values, "value");
    bool is_good = true;
    for (const Leaf& leaf : shape.leaves) is_good = check_leaf(leaf) && is_good;
    std::size_t found = 0;
    count_leaves(root_.inner(), found);
    if (found != shape.leaves.size()) {
      return complain("has " + std::to_string(found) + " leaves instead of " +
                      std::to_string(shape.leaves.size()));
    }
    leaves_ += found;
    if (++shapes_ % 50 == 1) leave_for_protoc(*schema, *record, out);
    return is_good;
  }

  [[nodiscard]] std::size_t shapes() const { return shapes_; }
  [[nodiscard]] std::size_t leaves() const { return leaves_; }

 private:
  bool complain(const std::string& what) const {
    std::cerr << shape_->name << ": " << what << '\n';
    return false;
  }

  static Cursor member(const pb::Message& message, std::string_view name) {
    const pb::Descriptor& type = *message.GetDescriptor();
    for (int i = 0; i < type.field_count(); ++i) {
      if (type.field(i)->json_name() == name) return {&message, type.field(i), -1};
    }
    return {};
  }

  // "a.b[2][1].c" from the value on.
  [[nodiscard]] Cursor find(std::string_view path) const {
    Cursor at = root_;
    while (!path.empty() && at.field != nullptr) {
      if (path[0] == '[') {
        if (at.index >= 0) {  // the next rank
          if (!is_row(*at.inner().GetDescriptor())) return {};
          at = {&at.inner(), at.inner().GetDescriptor()->field(0), -1};
        }
        std::from_chars(path.data() + 1, path.data() + path.size(), at.index);
        path.remove_prefix(path.find(']') + 1);
        if (!at.field->is_repeated() ||
            at.index >= at.message->GetReflection()->FieldSize(*at.message, at.field)) {
          return {};
        }
        continue;
      }
      if (path[0] == '.') path.remove_prefix(1);
      const std::size_t length = std::min(path.find_first_of(".["), path.size());
      if (at.field->cpp_type() != pb::FieldDescriptor::CPPTYPE_MESSAGE) return {};
      at = member(at.inner(), path.substr(0, length));
      path.remove_prefix(length);
    }
    return at;
  }

  bool check_leaf(const Leaf& leaf) const {
    const Cursor at = find(leaf.path);
    if (at.field == nullptr || at.field->is_repeated() != (at.index >= 0))
      return complain("no leaf " + leaf.path);
    if (!at.field->is_repeated() && !at.message->GetReflection()->HasField(*at.message, at.field)) {
      return complain(leaf.path + " is absent");
    }
    const std::string value = text_of(at, leaf.kind);
    const std::string expected = leaf.kind == 't'   ? expected_text(from_hex(leaf.value.substr(1)))
                                 : leaf.kind == 'b' ? from_hex(leaf.value.substr(1))
                                                    : leaf.value;
    if (value == expected || (is_nan(leaf.kind, value) && is_nan(leaf.kind, expected))) return true;
    return complain(leaf.path + " is " + value + " instead of " + expected);
  }

  static bool is_nan(char kind, const std::string& bits) {
    if (kind != 'd') return false;
    return std::isnan(std::bit_cast<double>(std::stoull(bits, nullptr, 16)));
  }

  static std::string hex(std::uint64_t value, int digits) {
    char text[17];
    std::snprintf(text, sizeof text, "%0*llx", digits, static_cast<unsigned long long>(value));
    return text;
  }

  // As random_shapes.py prints it. Kinds: i, u: integers; e: enumerator and number; f, d: bits;
  // q: the halves of 128 bits; t: char[]; b: bytes.
  static std::string text_of(const Cursor& at, char kind) {
    const auto& r = *at.message->GetReflection();
    const auto get = [&](auto single, auto repeated) {
      return at.index < 0 ? (r.*single)(*at.message, at.field)
                          : (r.*repeated)(*at.message, at.field, at.index);
    };
    using R = pb::Reflection;
    switch (at.field->cpp_type()) {
      case pb::FieldDescriptor::CPPTYPE_INT32:
        return kind == 'i' ? std::to_string(get(&R::GetInt32, &R::GetRepeatedInt32)) : "int32";
      case pb::FieldDescriptor::CPPTYPE_INT64:
        return kind == 'i' ? std::to_string(get(&R::GetInt64, &R::GetRepeatedInt64)) : "int64";
      case pb::FieldDescriptor::CPPTYPE_UINT32:
        return kind == 'u' ? std::to_string(get(&R::GetUInt32, &R::GetRepeatedUInt32)) : "uint32";
      case pb::FieldDescriptor::CPPTYPE_UINT64:
        return kind == 'u' ? std::to_string(get(&R::GetUInt64, &R::GetRepeatedUInt64)) : "uint64";
      case pb::FieldDescriptor::CPPTYPE_BOOL:
        return kind == 'u' ? std::to_string(get(&R::GetBool, &R::GetRepeatedBool)) : "bool";
      case pb::FieldDescriptor::CPPTYPE_FLOAT:
        return hex(std::bit_cast<std::uint32_t>(get(&R::GetFloat, &R::GetRepeatedFloat)), 8);
      case pb::FieldDescriptor::CPPTYPE_DOUBLE:
        return hex(std::bit_cast<std::uint64_t>(get(&R::GetDouble, &R::GetRepeatedDouble)), 16);
      case pb::FieldDescriptor::CPPTYPE_STRING:
        return at.index < 0 ? r.GetString(*at.message, at.field)
                            : r.GetRepeatedString(*at.message, at.field, at.index);
      case pb::FieldDescriptor::CPPTYPE_ENUM: {
        const int number = get(&R::GetEnumValue, &R::GetRepeatedEnumValue);
        const auto* const known = at.field->enum_type()->FindValueByNumber(number);
        const bool is_named = known != nullptr && !known->name().ends_with("_0");
        return (is_named ? known->name() : "-") + " " + std::to_string(number);
      }
      case pb::FieldDescriptor::CPPTYPE_MESSAGE: {
        const pb::Message& message = at.inner();
        const pb::Descriptor& type = *message.GetDescriptor();
        const auto& reflection = *message.GetReflection();
        if (type.name() == "Int128") {
          const auto high = static_cast<std::uint64_t>(reflection.GetInt64(message, type.field(0)));
          return std::to_string(high) + " " + std::to_string(reflection.GetUInt64(message, type.field(1)));
        }
        if (type.name() != "UInt128") return "a message";
        return std::to_string(reflection.GetUInt64(message, type.field(0))) + " " +
               std::to_string(reflection.GetUInt64(message, type.field(1)));
      }
    }
    return "?";
  }

  static bool is_leaf(const pb::FieldDescriptor& field) {
    return field.cpp_type() != pb::FieldDescriptor::CPPTYPE_MESSAGE ||
           field.message_type()->full_name().starts_with("vmitap.") !=
               field.message_type()->full_name().starts_with("vmitap.rule.");
  }

  static void count_leaves(const pb::Message& message, std::size_t& count) {
    std::vector<const pb::FieldDescriptor*> fields;
    const auto& reflection = *message.GetReflection();
    reflection.ListFields(message, &fields);
    for (const auto* field : fields) {
      const int elements = field->is_repeated() ? reflection.FieldSize(message, field) : 1;
      if (field->json_name().starts_with("_vptr")) continue;
      if (is_leaf(*field)) {
        count += static_cast<std::size_t>(elements);
        continue;
      }
      for (int i = 0; i < elements; ++i) {
        count_leaves(field->is_repeated() ? reflection.GetRepeatedMessage(message, field, i)
                                          : reflection.GetMessage(message, field),
                     count);
      }
    }
  }

  static bool has_unknown_fields(const pb::Message& message) {
    std::vector<const pb::FieldDescriptor*> fields;
    const auto& reflection = *message.GetReflection();
    if (!reflection.GetUnknownFields(message).empty()) return true;
    reflection.ListFields(message, &fields);
    for (const auto* field : fields) {
      if (field->cpp_type() != pb::FieldDescriptor::CPPTYPE_MESSAGE) continue;
      for (int i = 0; i < (field->is_repeated() ? reflection.FieldSize(message, field) : 1); ++i) {
        if (has_unknown_fields(field->is_repeated() ? reflection.GetRepeatedMessage(message, field, i)
                                                    : reflection.GetMessage(message, field))) {
          return true;
        }
      }
    }
    return false;
  }

  void leave_for_protoc(const RuleSchema& schema, const pb::Message& record, const BackWriter& out) const {
    const std::string base = directory_ + "/" + shape_->name;
    std::ofstream{base + ".set"} << schema.files.SerializeAsString();
    std::ofstream{base + ".record"}.write(reinterpret_cast<const char*>(out.bytes().data()),
                                          static_cast<std::streamsize>(out.size()));
    std::string text;
    pb::TextFormat::PrintToString(record, &text);
    std::ofstream{base + ".text"} << text;
    std::ofstream{base + ".type"} << schema.message;
  }

  std::string directory_;
  const Shape* shape_ = nullptr;
  Cursor root_;
  std::size_t shapes_ = 0;
  std::size_t leaves_ = 0;
};

int run(const std::string& program, const std::string& directory) {
  const std::vector<Shape> shapes = read_shapes(std::cin);
  const auto catalog = load_object(program, {.debug_dirs = {}, .build_id = {}, .all_types = true});
  if (!catalog) {
    std::cerr << program << ": " << catalog.error().operation << ": " << catalog.error().hint << '\n';
    return 1;
  }
  Checker checker{directory};
  std::size_t bad = 0;
  for (const Shape& shape : shapes) bad += checker.check(shape, *catalog) ? 0u : 1u;
  std::cout << program << ": " << checker.shapes() << " shapes, " << checker.leaves() << " leaves, " << bad
            << " shapes that differ\n";
  return bad == 0 && !shapes.empty() ? 0 : 1;
}

}  // namespace
}  // namespace vmitap::types

int main(int argc, char** argv) {
  if (argc != 3) return 2;
  return vmitap::types::run(argv[1], argv[2]);
}
