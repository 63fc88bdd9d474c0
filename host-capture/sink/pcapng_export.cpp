// SPDX-License-Identifier: MIT
#include "sink/pcapng_export.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <string_view>
#include <tuple>
#include <utility>
#include <vector>

#include "base/nearest.hpp"
#include "base/printable.hpp"
#include "sink/pcapng_writer.hpp"
#include "sink/record_decoder.hpp"
#include "sink/render.hpp"

namespace vmitap::sink {
namespace {

using pcapng::Direction;

constexpr std::string_view kBytes = "bytes";

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

std::optional<unsigned> hex_digit(char c) {
  if (c >= '0' && c <= '9') return static_cast<unsigned>(c - '0');
  if (c >= 'a' && c <= 'f') return static_cast<unsigned>(c - 'a') + 10;
  return std::nullopt;
}

// What render.hpp made of bytes; empty if it is no such text.
std::vector<std::byte> bytes_in(std::string_view hex) {
  std::vector<std::byte> bytes;
  bytes.reserve(hex.size() / 2);
  for (std::size_t i = 0; i + 1 < hex.size(); i += 2) {
    const auto high = hex_digit(hex[i]);
    const auto low = hex_digit(hex[i + 1]);
    if (!high || !low) return {};
    bytes.push_back(static_cast<std::byte>(*high << 4 | *low));
  }
  return bytes;
}

// What was read at a packet, a line each, and how exact it is.
std::string comment_of(const Json& record) {
  std::string text;
  if (const Json* values = member(record, "values"); values != nullptr && values->is_object()) {
    for (const auto& [name, value] : values->items()) {
      if (name == kBytes) continue;
      text += fmt::format("{}: {}\n", printable(name),
                          value.is_string() ? printable(value.get<std::string>()) : one_line(value));
    }
  }
  if (const Json* unread = member(record, "unread"); unread != nullptr)
    text += fmt::format("not read: {}\n", one_line(*unread));
  if (text.empty()) return text;
  text += text_of(member(record, "mode"));
  if (const Json* skid = member(record, "skid_ns"); skid != nullptr && skid->is_number())
    text += fmt::format(", {:.3f} ms after the packet", skid->get<double>() / 1e6);
  return text;
}

class Exporter {
 public:
  Exporter(std::string output, std::string rule) : output_(std::move(output)), rule_(std::move(rule)) {}

  void session(const Session& session) {
    for (const auto& guest : session.guests()) only_guest_ = guest.name();
  }

  void channel(const Channel& channel) {
    rules_.push_back(channel.rule());
    if (!rule_.empty() && channel.rule() != rule_) return;
    if (decoder_.add(channel)) wanted_.insert(channel.id());
  }

  // False if the output takes no more: see problem().
  bool record(const ReadRecord& record) {
    if (!wanted_.contains(record.channel)) return true;
    const auto message = decoder_.decode(record);
    const Json json = message ? record_json(decoder_.rule(record.channel), record, **message) : Json();
    const Json* args = member(json, "args");
    const Json* packet = args != nullptr ? member(*args, "packet") : nullptr;
    const Json* values = member(json, "values");
    const auto bytes = bytes_in(text_of(values != nullptr ? member(*values, kBytes) : nullptr));
    if (packet == nullptr || bytes.empty()) {
      ++others_;
      return true;
    }
    auto put = write(json, *packet, bytes, record.time_ns);
    if (!put) problem_ = std::move(put.error());
    return put.has_value();
  }

  Result<void> finish() {
    if (problem_) return fail(*problem_);
    if (!rule_.empty() && std::ranges::find(rules_, rule_) == rules_.end()) {
      const std::vector<std::string_view> known(rules_.begin(), rules_.end());
      return fail({.code = Errc::unknown_name,
                   .operation = "among the rules",
                   .subject = rule_,
                   .hint = nearest(rule_, known)});
    }
    return writer_ ? writer_->finish() : Result<void>{};
  }

  [[nodiscard]] std::uint64_t packets() const { return packets_; }
  [[nodiscard]] std::uint64_t others() const { return others_; }

 private:
  // What there is already is replaced once there is something to replace it with.
  Result<void> start() {
    if (writer_) return {};
    auto stream = OutputStream::open(output_);
    if (!stream) return fail(std::move(stream.error()));
    auto writer = pcapng::Writer::start(std::move(*stream), "vmitap");
    if (!writer) return fail(std::move(writer.error()));
    writer_ = std::move(*writer);
    return {};
  }

  Result<void> write(const Json& record, const Json& packet, std::span<const std::byte> bytes,
                     std::uint64_t time_ns) {
    if (auto open = start(); !open) return open;
    const auto length = static_cast<std::uint32_t>(number_of(member(packet, "length")));
    const bool sent = text_of(member(packet, "direction")) == "PACKET_SENT";
    const Json* told = member(record, "guest");
    const std::string guest = told != nullptr ? text_of(told) : only_guest_;
    if (auto named = name_guest(packet, guest, sent); !named) return named;
    const auto interface = interface_of(guest, printable(text_of(member(packet, "device"))), sent);
    if (!interface) return fail(Error(interface.error()));
    const std::string comment = comment_of(record);
    ++packets_;
    return writer_->packet({.interface = *interface,
                            .time_ns = time_ns,
                            .bytes = bytes.first(std::min<std::size_t>(bytes.size(), length)),
                            .length = length,
                            .direction = sent ? Direction::outbound : Direction::inbound,
                            .queue = static_cast<std::uint32_t>(number_of(member(packet, "queue"))),
                            .dropped_before = number_of(member(record, "lost_before")),
                            .comment = comment});
  }

  Result<std::uint32_t> interface_of(const std::string& guest, const std::string& device, bool sent) {
    const auto [at, is_new] = interfaces_.try_emplace({guest, device, sent}, 0);
    if (!is_new) return at->second;
    const auto number = writer_->add_interface(
        device, fmt::format("{} by {}", sent ? "sent" : "received", printable(guest)), 0);
    if (number) at->second = *number;
    return number;
  }

  // The address on the guest's side of a packet. Broadcasts and packets that it forwards have none of its
  // own: only what it sends from, and only once.
  Result<void> name_guest(const Json& packet, const std::string& guest, bool sent) {
    const std::uint64_t version = number_of(member(packet, "ip_version"));
    if (!sent || guest.empty() || version == 0) return {};
    const std::string hex = text_of(member(packet, "source"));
    if (!named_.insert(hex).second) return {};
    auto address = bytes_in(hex);
    if (address.size() != 16) return {};
    address.resize(version == 4 ? 4 : 16);
    return writer_->resolve(address, printable(guest.substr(guest.find(':') + 1)));
  }

  std::string output_;
  std::optional<pcapng::Writer> writer_;
  std::string rule_;
  std::string only_guest_;  // of a capture of one, whose records do not say it
  RecordDecoder decoder_;
  std::vector<std::string> rules_;
  std::set<std::uint32_t> wanted_;  // channels
  std::map<std::tuple<std::string, std::string, bool>, std::uint32_t> interfaces_;
  std::set<std::string> named_;
  std::optional<Error> problem_;
  std::uint64_t packets_ = 0;
  std::uint64_t others_ = 0;
};

}  // namespace

Result<PcapngOutcome> write_pcapng(const std::string& path, const std::string& rule,
                                   const std::string& output) {
  Exporter exporter(output, rule);
  PcapngOutcome outcome;
  ReadHandlers handlers;
  handlers.session = [&](const Session& session) {
    exporter.session(session);
    return true;
  };
  handlers.channel = [&](const Channel& channel) {
    exporter.channel(channel);
    return true;
  };
  handlers.record = [&](const ReadRecord& record) { return exporter.record(record); };
  handlers.loss = [&](const Loss& loss) {
    outcome.lost += loss.count();
    return true;
  };
  auto read = read_capture(path, handlers);
  if (!read) return fail(std::move(read.error()));
  if (auto done = exporter.finish(); !done) return fail(std::move(done.error()));
  outcome.read = std::move(*read);
  outcome.packets = exporter.packets();
  outcome.others = exporter.others();
  return outcome;
}

}  // namespace vmitap::sink
