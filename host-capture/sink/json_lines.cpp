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

std::string JsonLines::record(const ReadRecord& record) {
  const std::string rule = decoder_.rule(record.channel);
  const auto message = decoder_.decode(record);
  return one_line(message ? record_json(rule, record, **message) : undecoded_json(rule, record));
}

std::string JsonLines::session(const Session& session) { return named("session", session); }
std::string JsonLines::loss(const Loss& loss) { return named("loss", loss); }
std::string JsonLines::summary(const Summary& summary) { return named("summary", summary); }

}  // namespace vmitap::sink
