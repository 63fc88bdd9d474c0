// SPDX-License-Identifier: MIT
#include "sink/packet_json.hpp"

#include <nlohmann/json.hpp>

namespace vmitap::sink {

using Json = nlohmann::ordered_json;

const Json* member(const Json& object, std::string_view name) {
  if (!object.is_object()) return nullptr;
  const auto found = object.find(name);
  return found == object.end() ? nullptr : &*found;
}

std::string text_of(const Json* value) {
  return value != nullptr && value->is_string() ? value->get<std::string>() : std::string();
}

std::uint64_t number_of(const Json* value) {
  return value != nullptr && value->is_number_unsigned() ? value->get<std::uint64_t>() : 0;
}

}  // namespace vmitap::sink
