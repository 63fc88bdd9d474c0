// SPDX-License-Identifier: MIT
#include "sink/record_decoder.hpp"

#include <google/protobuf/descriptor.h>
#include <google/protobuf/dynamic_message.h>
#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/stubs/logging.h>
#include <google/protobuf/wire_format_lite.h>

#include <limits>
#include <set>
#include <utility>
#include <vector>

#include "types/schema.hpp"

namespace vmitap::sink {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::internal::WireFormatLite;

// Real ones nest as deep as C structs do. libprotobuf goes through them by recursion.
constexpr std::size_t kTypeDepthMax = 200;

class FirstError final : public google::protobuf::DescriptorPool::ErrorCollector {
 public:
  void AddError(const std::string& file, const std::string& element, const google::protobuf::Message*,
                ErrorLocation, const std::string& message) override {
    if (text_.empty()) text_ = file + ": " + element + ": " + message;
  }
  [[nodiscard]] const std::string& text() const noexcept { return text_; }

 private:
  std::string text_;
};

// How deep a walk through all message types that a message leads to gets; each type is entered once, as
// DynamicMessageFactory does it.
bool is_too_deep(const Descriptor& root) {
  std::set<const Descriptor*> entered{&root};
  std::vector<std::pair<const Descriptor*, int>> path{{&root, 0}};
  while (!path.empty()) {
    auto& [type, next] = path.back();
    if (next == type->field_count()) {
      path.pop_back();
      continue;
    }
    const Descriptor* const inner = type->field(next++)->message_type();
    if (inner == nullptr || !entered.insert(inner).second) continue;
    if (path.size() == kTypeDepthMax) return true;
    path.emplace_back(inner, 0);
  }
  return false;
}

Error bad(std::string subject, std::string why) {
  return {
      .code = Errc::bad_file, .operation = "decoding", .subject = std::move(subject), .hint = std::move(why)};
}

}  // namespace

struct RecordDecoder::Types {
  std::string rule;
  google::protobuf::DescriptorPool pool;
  google::protobuf::DynamicMessageFactory factory;
  const Descriptor* descriptor = nullptr;
  std::unique_ptr<google::protobuf::Message> message;
};

RecordDecoder::RecordDecoder() = default;
RecordDecoder::RecordDecoder(RecordDecoder&&) noexcept = default;
RecordDecoder& RecordDecoder::operator=(RecordDecoder&&) noexcept = default;
RecordDecoder::~RecordDecoder() = default;

Result<void> RecordDecoder::add(const Channel& channel) {
  auto& types = channels_[channel.id()];
  types = std::make_unique<Types>();
  types->rule = channel.rule();
  FirstError error;
  const google::protobuf::LogSilencer quiet;
  // Imports first, as the format has it: then the pool never recurses through them.
  for (const auto& file : channel.files().file())
    if (types->pool.BuildFileCollectingErrors(file, &error) == nullptr)
      return fail(bad(channel.rule(), error.text()));
  const Descriptor* const found = types->pool.FindMessageTypeByName(channel.message());
  if (found == nullptr) return fail(bad(channel.rule(), "its descriptors lack " + channel.message()));
  if (is_too_deep(*found)) return fail(bad(channel.rule(), "its types nest too deep"));
  types->message.reset(types->factory.GetPrototype(found)->New());
  types->descriptor = found;
  return {};
}

Result<const google::protobuf::Message*> RecordDecoder::decode(const ReadRecord& record) {
  const auto known = channels_.find(record.channel);
  if (known == channels_.end()) return fail(bad("a record", "its channel was not announced"));
  Types& types = *known->second;
  if (types.descriptor == nullptr) return fail(bad(types.rule, "its descriptors are damaged"));
  const google::protobuf::LogSilencer quiet;
  if (record.message.size() > std::numeric_limits<int>::max() ||
      !types.message->ParsePartialFromArray(record.message.data(), static_cast<int>(record.message.size())))
    return fail(bad(types.rule, "a record does not fit its descriptors"));
  return types.message.get();
}

std::string RecordDecoder::rule(std::uint32_t channel) const {
  const auto known = channels_.find(channel);
  return known == channels_.end() ? std::string() : known->second->rule;
}

const Descriptor* RecordDecoder::descriptor(std::uint32_t channel) const {
  const auto known = channels_.find(channel);
  return known == channels_.end() ? nullptr : known->second->descriptor;
}

Result<Facts> facts_of(std::span<const std::byte> message) {
  Facts facts;
  if (message.size() > std::numeric_limits<int>::max()) return fail(bad("a record", "it is too large"));
  google::protobuf::io::CodedInputStream in(reinterpret_cast<const std::uint8_t*>(message.data()),
                                            static_cast<int>(message.size()));
  constexpr std::uint32_t kFacts =
      WireFormatLite::MakeTag(types::kFactsField, WireFormatLite::WIRETYPE_LENGTH_DELIMITED);
  bool good = true;
  while (const std::uint32_t tag = good ? in.ReadTag() : 0) {
    if (tag == kFacts) {
      std::string part;
      std::uint32_t size = 0;
      good = in.ReadVarint32(&size) && size <= message.size() &&
             in.ReadString(&part, static_cast<int>(size)) && facts.MergeFromString(part);
    } else {
      good = WireFormatLite::SkipField(&in, tag);
    }
  }
  if (!good || !in.ConsumedEntireMessage()) return fail(bad("a record", "its facts are damaged"));
  return facts;
}

}  // namespace vmitap::sink
