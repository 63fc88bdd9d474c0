// SPDX-License-Identifier: MIT
#include "sink/pcapng_export.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <compare>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <string_view>
#include <utility>
#include <vector>

#include "base/nearest.hpp"
#include "base/printable.hpp"
#include "base/quantity_text.hpp"
#include "pipeline/sink.hpp"
#include "sink/guest_addresses.hpp"
#include "sink/hex.hpp"
#include "sink/packet_json.hpp"
#include "sink/pcapng_writer.hpp"
#include "sink/record_decoder.hpp"
#include "sink/render.hpp"

namespace vmitap::sink {
namespace {

using pcapng::Direction;

// "web" of "xen:web" and of "xen:web/vif0", which is the same guest.
std::string domain_of(const std::string& guest) {
  const std::string name = guest.substr(guest.find(':') + 1);
  return name.substr(0, name.rfind("/vif"));
}

// How exact the values are that were read at a packet, and these, a line each: what is too long loses its
// end.
std::string comment_of(const Json& record, bool with_losses) {
  std::string read;
  if (const Json* unread = member(record, "unread"); unread != nullptr)
    read += fmt::format("\nnot read: {}", one_line(*unread));
  if (const Json* values = member(record, "values"); values != nullptr && values->is_object()) {
    for (const auto& [name, value] : values->items()) {
      if (name == pipeline::kPacketBytes) continue;
      read += fmt::format("\n{}: {}", printable(name),
                          value.is_string() ? printable(value.get<std::string>()) : one_line(value));
    }
  }
  std::string text;
  if (!read.empty()) {
    text = text_of(member(record, "mode"));
    if (const Json* skid = member(record, "skid_ns"); skid != nullptr && skid->is_number())
      text += fmt::format(", {:.3f} ms after the packet", skid->get<double>() / 1e6);
  }
  if (const std::uint64_t lost = number_of(member(record, "lost_before")); with_losses && lost != 0)
    text += fmt::format("{}{} lost just before it", text.empty() ? "" : "\n", plural(lost, "record"));
  return text + read;
}

class Exporter {
 public:
  Exporter(std::string output, std::string rule) : output_(std::move(output)), rule_(std::move(rule)) {}

  void session(const Session& session) {
    for (const auto& guest : session.guests()) only_guest_ = guest.name();
    has_several_rules_ = session.rules_size() > 1;
  }

  void channel(const Channel& channel) {
    rules_.insert(channel.rule());
    has_several_rules_ = has_several_rules_ || rules_.size() > 1;
    if (!rule_.empty() && channel.rule() != rule_) return;
    if (decoder_.add(channel)) wanted_.insert(channel.id());
  }

  void loss(const Loss& loss) {
    if (loss.reason() == Loss::NOT_WATCHED) return;  // counts attempts
    lost_[loss.guest()] += loss.count();
    last_ns_ = std::max(last_ns_, loss.time_ns());
  }

  // False if the output takes no more: see problem().
  bool record(const ReadRecord& record) {
    if (!wanted_.contains(record.channel)) return true;
    const auto message = decoder_.decode(record);
    const std::string rule = decoder_.rule(record.channel);
    const Json json = message ? record_json(rule, record, **message) : Json();
    const Json* args = member(json, "args");
    const Json* packet = args != nullptr ? member(*args, "packet") : nullptr;
    const Json* values = member(json, "values");
    const auto bytes =
        bytes_in(text_of(values != nullptr ? member(*values, pipeline::kPacketBytes) : nullptr));
    if (packet == nullptr || bytes.empty()) {
      ++others_;
      return true;
    }
    auto put = write(json, rule, *packet, bytes, record.time_ns);
    if (!put) problem_ = std::move(put.error());
    return put.has_value();
  }

  Result<void> finish() {
    if (problem_) return fail(*problem_);
    if (!rule_.empty() && !rules_.contains(rule_)) {
      const std::vector<std::string_view> known(rules_.begin(), rules_.end());
      return fail({.code = Errc::unknown_name,
                   .operation = "among the rules",
                   .subject = rule_,
                   .hint = nearest(rule_, known)});
    }
    if (!writer_) return {};
    for (const auto& [address, name] : addresses_.named())
      if (auto named = writer_->resolve(address, printable(name)); !named) return named;
    if (auto put = write_losses(); !put) return put;
    return writer_->finish();
  }

  [[nodiscard]] std::uint64_t packets() const { return packets_; }
  [[nodiscard]] std::uint64_t others() const { return others_; }
  [[nodiscard]] std::uint64_t of_others() const { return of_others_; }
  [[nodiscard]] std::vector<std::string> overlapping() const {
    std::set<std::string> names;
    for (const auto& [place, rules] : interfaces_)
      if (rules.size() > 1)
        for (const auto& [rule, number] : rules) names.insert(rule);
    return {names.begin(), names.end()};
  }

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

  Result<void> write(const Json& record, const std::string& rule, const Json& packet,
                     std::span<const std::byte> bytes, std::uint64_t time_ns) {
    if (auto open = start(); !open) return open;
    const auto length = static_cast<std::uint32_t>(number_of(member(packet, "length")));
    const bool sent = text_of(member(packet, "direction")) == "PACKET_SENT";
    const Json* told = member(record, "guest");
    const std::string guest = told != nullptr ? text_of(told) : only_guest_;
    if (sent) note_address(*member(record, "args"), packet, guest);
    const std::string device = printable(text_of(member(packet, "device")));
    const auto interface = interface_of({guest, device, sent}, rule);
    if (!interface) return fail(Error(interface.error()));
    // A ring is all rules' of its thread: of several, nobody knows whose records were lost on it.
    const std::string comment = comment_of(record, has_several_rules_);
    ++packets_;
    last_ns_ = std::max(last_ns_, time_ns);
    return writer_->packet(
        {.interface = *interface,
         .time_ns = time_ns,
         .bytes = bytes.first(std::min<std::size_t>(bytes.size(), length)),
         .length = length,
         .direction = sent ? Direction::outbound : Direction::inbound,
         .queue = static_cast<std::uint32_t>(number_of(member(packet, "queue"))),
         .dropped_before = has_several_rules_ ? 0 : number_of(member(record, "lost_before")),
         .comment = comment});
  }

  struct Place {
    std::string guest;
    std::string device;
    bool sent;
    auto operator<=>(const Place&) const = default;  // NOLINT(modernize-use-nullptr): clang-tidy 14 errs
  };

  // Each rule has its own: what several of them take at a place are the same packets.
  Result<std::uint32_t> interface_of(const Place& place, const std::string& rule) {
    const auto known = interfaces_.find(place);
    if (known != interfaces_.end())
      if (const auto of_rule = known->second.find(rule); of_rule != known->second.end())
        return of_rule->second;
    if (interfaces_count_ >= kInterfacesMax) return others_of(place.sent);
    std::string description =
        fmt::format("{} by {}", place.sent ? "sent" : "received", printable(place.guest));
    if (has_several_rules_) description += fmt::format(", rule {}", printable(rule));
    auto number = writer_->add_interface(place.device, description, 0);
    if (!number) return number;
    interfaces_[place][rule] = *number;
    ++interfaces_count_;
    return number;
  }

  Result<std::uint32_t> others_of(bool sent) {
    ++of_others_;
    auto& others = other_interfaces_[sent ? 1 : 0];
    if (others) return *others;
    auto number = writer_->add_interface("others", sent ? "sent by others" : "received by others", 0);
    if (number) others = *number;
    return number;
  }

  // All that a guest lost, also behind its last packet. Only of a guest with one interface it is that one's.
  Result<void> write_losses() {
    for (const auto& [guest, lost] : lost_) {
      std::vector<std::uint32_t> numbers;
      for (const auto& [place, rules] : interfaces_)
        if (place.guest == guest)
          for (const auto& [rule, number] : rules) numbers.push_back(number);
      const bool is_alone = numbers.size() == 1 && !has_several_rules_ && of_others_ == 0;
      const std::string comment = is_alone ? std::string()
                                           : fmt::format("{} of {} lost, of any of its interfaces and rules",
                                                         plural(lost, "record"), printable(guest));
      for (const std::uint32_t number : numbers) {
        auto put = writer_->statistics({.interface = number,
                                        .time_ns = last_ns_,
                                        .dropped = is_alone ? std::optional(lost) : std::nullopt,
                                        .comment = comment});
        if (!put) return put;
      }
    }
    return {};
  }

  // From a packet without a socket it is not told from one that it forwards, where sockets are told at all.
  void note_address(const Json& args, const Json& packet, const std::string& guest) {
    const std::uint64_t version = number_of(member(packet, "ip_version"));
    const Json* socket = member(args, "sk");
    if (version == 0 || (socket != nullptr && text_of(socket) == "0x0")) return;
    const auto address = bytes_in(text_of(member(packet, "source")));
    if (address.size() != 16) return;
    addresses_.add(domain_of(guest), std::span(address).first(version == 4 ? 4 : 16));
  }

  std::string output_;
  std::optional<pcapng::Writer> writer_;
  std::string rule_;
  std::string only_guest_;  // of a capture of one, whose records do not say it
  RecordDecoder decoder_;
  std::set<std::string> rules_;
  std::set<std::uint32_t> wanted_;  // channels
  bool has_several_rules_ = false;
  std::map<Place, std::map<std::string, std::uint32_t>> interfaces_;  // their numbers, by rule
  std::size_t interfaces_count_ = 0;
  std::array<std::optional<std::uint32_t>, 2> other_interfaces_;  // received, sent
  std::uint64_t of_others_ = 0;
  std::map<std::string, std::uint64_t> lost_;  // by guest
  std::uint64_t last_ns_ = 0;
  GuestAddresses addresses_;
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
    exporter.loss(loss);
    return true;
  };
  auto read = read_capture(path, handlers);
  if (!read) return fail(std::move(read.error()));
  if (auto done = exporter.finish(); !done) return fail(std::move(done.error()));
  outcome.read = std::move(*read);
  outcome.packets = exporter.packets();
  outcome.others = exporter.others();
  outcome.overlapping = exporter.overlapping();
  outcome.of_others = exporter.of_others();
  return outcome;
}

}  // namespace vmitap::sink
