// SPDX-License-Identifier: MIT
// From the records of an MCAP container to the items of a capture.
#include <fmt/format.h>

#include <limits>
#include <map>
#include <string>

#include "base/printable.hpp"
#include "sink/bytes.hpp"
#include "sink/capture_reader.hpp"
#include "sink/mcap_format.hpp"
#include "sink/mcap_reader.hpp"
#include "sink/problems.hpp"

namespace vmitap::sink {
namespace {

constexpr std::size_t kSchemasMax = std::size_t{256} << 20;  // bytes, all together

bool parse(google::protobuf::Message& message, std::span<const std::byte> bytes) {
  return bytes.size() <= std::numeric_limits<int>::max() &&
         message.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()));
}

template <class T>
bool hand_on(const std::function<bool(const T&)>& handler, const T& item) {
  return !handler || handler(item);
}

class CaptureBuilder {
 public:
  explicit CaptureBuilder(const ReadHandlers& handlers) : handlers_(handlers) {}

  bool record(mcap::Opcode opcode, std::span<const std::byte> content) {
    if (opcode == mcap::Opcode::schema) return schema(content);
    if (opcode == mcap::Opcode::channel) return channel(content);
    if (opcode == mcap::Opcode::message) return message(content);
    return attachment(content);
  }

  [[nodiscard]] Problems& problems() noexcept { return problems_; }
  [[nodiscard]] bool has_summary() const noexcept { return has_summary_; }

 private:
  struct Schema {
    std::string name;
    std::string encoding;
    std::string data;
  };
  enum class Carries : std::uint8_t { records, session, loss, summary, other };

  bool schema(std::span<const std::byte> content) {
    ByteReader reader(content);
    const auto id = reader.number<std::uint16_t>();
    Schema schema;
    schema.name = reader.string();
    schema.encoding = reader.string();
    const auto data = reader.string();
    if (!reader.ok() || id == 0) return problem("a schema is damaged");
    if (schemas_.contains(id)) return true;  // writers may repeat them
    schema_bytes_ += data.size();
    if (schema_bytes_ > kSchemasMax) return problem("the schemas are larger than a capture's can be");
    schema.data = data;
    schemas_.emplace(id, std::move(schema));
    return true;
  }

  bool channel(std::span<const std::byte> content) {
    ByteReader reader(content);
    const auto id = reader.number<std::uint16_t>();
    const auto schema_id = reader.number<std::uint16_t>();
    const auto topic = reader.string();
    const auto encoding = reader.string();
    if (!reader.ok()) return problem("a channel is damaged");
    if (channels_.contains(id)) return true;
    const auto schema = schemas_.find(schema_id);
    if (encoding != "protobuf" || schema == schemas_.end() || schema->second.encoding != "protobuf") {
      channels_[id] = Carries::other;
      return problem(fmt::format("channel \"{}\" carries no protobuf messages", printable(topic)));
    }
    channels_[id] = carries(schema->second.name);
    if (channels_[id] != Carries::records || !handlers_.channel) return true;
    Channel channel;
    channel.set_id(id);
    channel.set_rule(std::string(topic));
    channel.set_message(schema->second.name);
    if (!parse(*channel.mutable_files(), bytes_of(schema->second.data)))
      problem(fmt::format("the schema of channel \"{}\" is damaged", printable(topic)));
    return handlers_.channel(channel);
  }

  static Carries carries(std::string_view message) {
    if (message == "vmitap.Session") return Carries::session;
    if (message == "vmitap.Loss") return Carries::loss;
    if (message == "vmitap.Summary") return Carries::summary;
    return Carries::records;
  }

  bool message(std::span<const std::byte> content) {
    ByteReader reader(content);
    const auto id = reader.number<std::uint16_t>();
    reader.number<std::uint32_t>();  // sequence
    const auto time_ns = reader.number<std::uint64_t>();
    reader.number<std::uint64_t>();  // publish time
    const auto channel = channels_.find(id);
    if (!reader.ok() || channel == channels_.end()) return problem("a message belongs to no channel");
    const auto data = reader.rest();
    switch (channel->second) {
      case Carries::records:
        return hand_on(handlers_.record, ReadRecord{.channel = id, .time_ns = time_ns, .message = data});
      case Carries::session:
        return item(handlers_.session, data);
      case Carries::loss:
        return item(handlers_.loss, data);
      case Carries::summary:
        has_summary_ = true;
        return item(handlers_.summary, data);
      case Carries::other:
        break;
    }
    return true;
  }

  bool attachment(std::span<const std::byte> content) {
    ByteReader reader(content);
    reader.raw(8 + 8);  // times
    const auto name = reader.string();
    reader.string();  // media type
    const auto data = reader.raw(reader.number<std::uint64_t>());
    if (!reader.ok()) return problem("an attachment is damaged");
    return !name.starts_with(mcap::kCatalogPrefix) || item(handlers_.catalog, data);
  }

  template <class T>
  bool item(const std::function<bool(const T&)>& handler, std::span<const std::byte> data) {
    T parsed;
    if (!parse(parsed, data)) return problem(fmt::format("a {} is damaged", T::descriptor()->name()));
    return hand_on(handler, parsed);
  }

  // Noted; the reading goes on.
  bool problem(std::string what) {
    problems_.add(std::move(what));
    return true;
  }

  const ReadHandlers& handlers_;
  Problems problems_;
  std::map<std::uint16_t, Schema> schemas_;
  std::size_t schema_bytes_ = 0;
  std::map<std::uint16_t, Carries> channels_;
  bool has_summary_ = false;
};

}  // namespace

Result<ReadOutcome> read_mcap(InputStream& input, const ReadHandlers& handlers) {
  CaptureBuilder builder(handlers);
  auto outcome =
      mcap::scan(input, [&](auto opcode, auto content) { return builder.record(opcode, content); });
  if (!outcome) return outcome;
  if (outcome->complete && !builder.has_summary()) builder.problems().add("it has no vmitap.Summary");
  if (builder.problems().any()) {
    outcome->complete = false;
    if (outcome->problem.empty()) outcome->problem = builder.problems().text();
  }
  return outcome;
}

}  // namespace vmitap::sink
