// SPDX-License-Identifier: MIT
// A value through schema and plan, and back through libprotobuf's reflection: the oracle.
#pragma once

#include <google/protobuf/dynamic_message.h>
#include <google/protobuf/util/json_util.h>
#include <gtest/gtest.h>

#include <cstring>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "types/schema.hpp"
#include "vmitap/vmitap.pb.h"

namespace vmitap::types {

class Decoded {
 public:
  // Refuses what a descriptor pool, a parser, or somebody with the descriptors only would stumble over.
  Decoded(const RuleSchema& schema, const BackWriter& out) {
    for (const auto& file : schema.files.file()) {
      EXPECT_NE(pool_.BuildFile(file), nullptr) << file.DebugString();
    }
    type_ = pool_.FindMessageTypeByName(schema.message);
    if (type_ == nullptr) {
      ADD_FAILURE() << "no message " << schema.message;
      return;
    }
    record_.reset(factory_.GetPrototype(type_)->New());
    EXPECT_TRUE(record_->ParseFromArray(out.bytes().data(), static_cast<int>(out.size())));
    EXPECT_TRUE(record_->GetReflection()->GetUnknownFields(*record_).empty());
  }

  // {"values":{"conn.cwnd":1,…}} without what stands around it.
  [[nodiscard]] std::string json() const {
    std::string text;
    if (record_ == nullptr) return text;
    google::protobuf::util::JsonPrintOptions options;
    EXPECT_TRUE(google::protobuf::util::MessageToJsonString(*record_, &text, options).ok());
    for (const auto& [escaped, plain] : {std::pair{"\\u003c", "<"}, std::pair{"\\u003e", ">"}}) {
      for (std::size_t at = 0; (at = text.find(escaped)) != std::string::npos;) text.replace(at, 6, plain);
    }
    return text;
  }
  [[nodiscard]] const google::protobuf::Descriptor& type() const { return *type_; }
  [[nodiscard]] const google::protobuf::Message& record() const { return *record_; }
  [[nodiscard]] const google::protobuf::DescriptorPool& pool() const { return pool_; }

 private:
  google::protobuf::DescriptorPool pool_;
  google::protobuf::DynamicMessageFactory factory_{&pool_};
  const google::protobuf::Descriptor* type_ = nullptr;
  std::unique_ptr<google::protobuf::Message> record_;
};

inline Value value_of(std::shared_ptr<const Catalog> catalog, TypeId type, std::string expression = "v") {
  Value value;
  value.expression = std::move(expression);
  value.type = type;
  value.fetch.size = static_cast<std::uint32_t>((*catalog)[type].size);
  value.catalog = std::move(catalog);
  return value;
}

// Schema, plan, and the whole of it as JSON.
inline std::string encoded_json(const std::vector<Value>& values,
                                const std::vector<std::vector<std::byte>>& bytes) {
  const auto schema = make_schema("rule", nullptr, {}, 0, values);
  if (!schema) return "error: " + schema.error().subject + schema.error().operation;
  BackWriter out{0};
  for (std::size_t i = values.size(); i-- > 0;) schema->values[i].encode(bytes[i], out);
  const std::size_t size = out.size();
  out.varint(size);
  out.tag(kValuesField, 2);
  return Decoded{*schema, out}.json();
}

// The JSON of one value, without {"values":{"v": }}.
template <class T>
std::string json_of(std::shared_ptr<const Catalog> catalog, TypeId type, const T& data) {
  const Value value = value_of(std::move(catalog), type);
  std::vector<std::byte> bytes(sizeof data);
  std::memcpy(bytes.data(), &data, sizeof data);
  bytes.resize(value.fetch.size);
  const std::string json = encoded_json({value}, {bytes});
  const std::string start = R"({"values":{"v":)";
  if (!json.starts_with(start)) return json;
  return json.substr(start.size(), json.size() - start.size() - 2);
}

}  // namespace vmitap::types
