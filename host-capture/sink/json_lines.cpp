// SPDX-License-Identifier: MIT
#include "sink/json_lines.hpp"

#include <nlohmann/json.hpp>

#include "sink/render.hpp"

namespace vmitap::sink {
namespace {

std::string named(const char* name, const google::protobuf::Message& message) {
  return one_line(Json{{name, to_json(message)}});
}

}  // namespace

Result<void> JsonLines::channel(const Channel& channel) {
  if (auto added = decoder_.add(channel); !added) return added;
  if (!fields_.names().empty()) paths_[channel.id()] = fields_.find(*decoder_.descriptor(channel.id()));
  return {};
}

std::string JsonLines::record(const ReadRecord& record) {
  const std::string rule = decoder_.rule(record.channel);
  const auto message = decoder_.decode(record);
  if (!message) return one_line(undecoded_json(rule, record));
  const Json json = record_json(rule, record, **message);
  return fields_.names().empty() ? one_line(json) : selected(record.channel, json);
}

std::string JsonLines::selected(std::uint32_t channel, const Json& record) const {
  const auto& paths = paths_.at(channel);  // it decodes, so it was announced
  if (paths.empty()) return {};
  Json line = Json::object();
  for (std::size_t i = 0; i < paths.size(); ++i) {
    const Json* const value = paths[i].empty() ? nullptr : value_at(record, paths[i]);
    line[fields_.names()[i]] = value != nullptr ? *value : Json();
  }
  return one_line(line);
}

std::string JsonLines::session(const Session& session) { return named("session", session); }
std::string JsonLines::loss(const Loss& loss) { return named("loss", loss); }
std::string JsonLines::summary(const Summary& summary) { return named("summary", summary); }

}  // namespace vmitap::sink
