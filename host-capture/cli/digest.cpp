// SPDX-License-Identifier: MIT
#include "cli/digest.hpp"

#include <algorithm>

#include "sink/record_decoder.hpp"
#include "types/schema.hpp"

namespace vmitap::cli {
namespace {

namespace pb = google::protobuf;

std::uint64_t nearest_rank(std::vector<std::uint64_t>& values, std::uint64_t percent) {
  const std::size_t rank = std::max<std::size_t>((values.size() * percent + 99) / 100, 1);
  const auto at = values.begin() + static_cast<std::ptrdiff_t>(rank - 1);
  std::nth_element(values.begin(), at, values.end());
  return *at;
}

const pb::DescriptorProto* find_nested(const pb::DescriptorProto& message, std::string_view full,
                                       std::string_view name) {
  if (full == name) return &message;
  if (!name.starts_with(full) || name.substr(full.size(), 1) != ".") return nullptr;
  for (const pb::DescriptorProto& nested : message.nested_type()) {
    if (const auto* found = find_nested(nested, std::string(full) + "." + nested.name(), name)) return found;
  }
  return nullptr;
}

// `name`: full, without a leading dot.
const pb::DescriptorProto* find_message(const pb::FileDescriptorSet& files, std::string_view name) {
  for (const pb::FileDescriptorProto& file : files.file()) {
    const std::string prefix = file.package().empty() ? "" : file.package() + ".";
    for (const pb::DescriptorProto& message : file.message_type()) {
      if (const auto* found = find_nested(message, prefix + message.name(), name)) return found;
    }
  }
  return nullptr;
}

std::vector<FieldDigest> fields_of(const Channel& channel) {
  std::vector<FieldDigest> fields;
  const pb::DescriptorProto* record = find_message(channel.files(), channel.message());
  if (record == nullptr) return fields;
  for (const pb::FieldDescriptorProto& part : record->field()) {
    if (part.number() == types::kFactsField || part.type_name().empty()) continue;
    const std::string_view type = part.type_name();
    const pb::DescriptorProto* values = find_message(channel.files(), type.substr(type[0] == '.' ? 1 : 0));
    if (values == nullptr) continue;
    for (const pb::FieldDescriptorProto& field : values->field()) {
      const std::string& written = field.options().GetExtension(vmitap::expression);
      fields.push_back({.part = part.name(),
                        .expression = written.empty() ? field.json_name() : written,
                        .c_type = field.options().GetExtension(c_type)});
    }
  }
  return fields;
}

class Counter {
 public:
  explicit Counter(Digest& digest) : digest_(digest) {}

  void channel(const Channel& channel) {
    const auto [at, is_new] = rules_.try_emplace(channel.id());
    if (!is_new) return;
    at->second.rule.name = channel.rule();
    at->second.rule.message = channel.message();
    at->second.rule.fields = fields_of(channel);
  }

  void record(const sink::ReadRecord& record) {
    ++digest_.records;
    const auto facts = sink::facts_of(record.message);
    const auto at = rules_.find(record.channel);
    if (!facts || at == rules_.end()) {
      ++digest_.malformed;
      return;
    }
    auto& [rule, skids, pauses] = at->second;
    if (rule.records++ == 0) rule.first_ns = rule.last_ns = record.time_ns;
    rule.first_ns = std::min(rule.first_ns, record.time_ns);
    rule.last_ns = std::max(rule.last_ns, record.time_ns);
    rule.guest = facts->guest();
    ++rule.triggers[facts->trigger()];
    ++rule.modes[facts->mode()];
    if (facts->fallback() != Facts::FALLBACK_UNSPECIFIED) ++rule.fallbacks[facts->fallback()];
    if (!facts->fallback_detail().empty()) rule.fallback_detail = facts->fallback_detail();
    for (const Unread& unread : facts->unread()) ++rule.unread[unread.value()];
    if (facts->has_skid_ns()) skids.push_back(facts->skid_ns());
    if (facts->has_pause_ns()) pauses.push_back(facts->pause_ns());
  }

  void loss(const Loss& loss) {
    const std::string& reason = Loss::Reason_Name(loss.reason());
    auto at = std::ranges::find_if(digest_.losses, [&](const LossDigest& known) {
      return known.reason == reason && known.guest == loss.guest();
    });
    if (at == digest_.losses.end()) {
      digest_.losses.push_back({.reason = reason, .guest = loss.guest(), .detail = "", .count = 0});
      at = digest_.losses.end() - 1;
    }
    at->count += loss.count();
    if (!loss.detail().empty()) at->detail = loss.detail();
  }

  void finish() {
    for (auto& [id, counted] : rules_) {
      counted.rule.skid_ns = spread_of(counted.skids);
      counted.rule.pause_ns = spread_of(counted.pauses);
      digest_.rules.push_back(std::move(counted.rule));
    }
  }

 private:
  struct Counted {
    RuleDigest rule;
    std::vector<std::uint64_t> skids, pauses;
  };
  Digest& digest_;
  std::map<std::uint32_t, Counted> rules_;  // by channel
};

}  // namespace

Spread spread_of(std::vector<std::uint64_t>& values) {
  if (values.empty()) return {};
  const auto [min, max] = std::ranges::minmax_element(values);
  Spread spread{.count = values.size(), .min = *min, .max = *max};
  spread.median = nearest_rank(values, 50);
  spread.p99 = nearest_rank(values, 99);
  return spread;
}

Result<Digest> digest(const std::string& path) {
  Digest digest;
  Counter counter(digest);
  sink::ReadHandlers handlers;
  handlers.session = [&](const Session& session) {
    digest.session = session;
    return true;
  };
  handlers.channel = [&](const Channel& channel) {
    counter.channel(channel);
    return true;
  };
  handlers.record = [&](const sink::ReadRecord& record) {
    counter.record(record);
    return true;
  };
  handlers.loss = [&](const Loss& loss) {
    counter.loss(loss);
    return true;
  };
  handlers.summary = [&](const Summary& summary) {
    digest.summary = summary;
    return true;
  };
  const auto outcome = sink::read_capture(path, handlers);
  if (!outcome) return fail(outcome.error());
  digest.outcome = *outcome;
  counter.finish();
  return digest;
}

}  // namespace vmitap::cli
