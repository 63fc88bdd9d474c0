// SPDX-License-Identifier: MIT
#include <fmt/format.h>

#include <limits>
#include <optional>

#include "sink/capture_reader.hpp"

namespace vmitap::sink {
namespace {

constexpr std::uint64_t kItemMax = std::uint64_t{512} << 20;
constexpr std::size_t kVarintMax = 10;

struct Length {
  std::uint64_t value;
  std::size_t bytes;
};

// https://protobuf.dev/programming-guides/encoding/#varints
std::optional<Length> varint(std::span<const std::byte> bytes) {
  Length length{0, 0};
  while (length.bytes < bytes.size() && length.bytes < kVarintMax) {
    const auto byte = std::to_integer<std::uint64_t>(bytes[length.bytes]);
    length.value |= (byte & 0x7f) << (7 * length.bytes);
    ++length.bytes;
    if (byte < 0x80) return length;
  }
  return std::nullopt;
}

Error no_stream(const InputStream& input) {
  return {
      .code = Errc::bad_file, .subject = input.path(), .hint = "it does not start as a vmitap stream does"};
}

bool hand_on(const ReadHandlers& to, const StreamItem& item) {
  switch (item.item_case()) {
    case StreamItem::kSession:
      return !to.session || to.session(item.session());
    case StreamItem::kCatalog:
      return !to.catalog || to.catalog(item.catalog());
    case StreamItem::kChannel:
      return !to.channel || to.channel(item.channel());
    case StreamItem::kRecord:
      return !to.record || to.record({.channel = item.record().channel(),
                                      .time_ns = item.record().time_ns(),
                                      .message = std::as_bytes(std::span(item.record().message()))});
    case StreamItem::kLoss:
      return !to.loss || to.loss(item.loss());
    case StreamItem::kSummary:
      return !to.summary || to.summary(item.summary());
    case StreamItem::ITEM_NOT_SET:
      break;  // of a later version
  }
  return true;
}

}  // namespace

Result<ReadOutcome> read_pb(InputStream& input, const ReadHandlers& handlers) {
  ReadOutcome outcome;
  StreamItem item;
  bool closed = false;
  for (;;) {
    outcome.bytes_read = input.offset();
    const auto head = input.peek(kVarintMax);
    if (!head) return tl::unexpected(head.error());
    if (head->empty()) break;
    const auto length = varint(*head);
    if (!length && head->size() < kVarintMax) {
      outcome.problem = fmt::format("the stream is cut off at offset {}", outcome.bytes_read);
      break;
    }
    if (!length || length->value > kItemMax) {
      if (outcome.bytes_read == 0) return fail(no_stream(input));
      outcome.problem = fmt::format("what stands at offset {} is no item of a capture", outcome.bytes_read);
      break;
    }
    const auto size = length->bytes + static_cast<std::size_t>(length->value);
    const auto whole = input.peek(size);
    if (!whole) return tl::unexpected(whole.error());
    if (whole->size() < size) {
      outcome.problem = fmt::format("the stream is cut off in the item at offset {}", outcome.bytes_read);
      break;
    }
    if (!item.ParseFromArray(whole->data() + length->bytes, static_cast<int>(length->value))) {
      if (outcome.bytes_read == 0) return fail(no_stream(input));
      outcome.problem = fmt::format("the item at offset {} is damaged", outcome.bytes_read);
      break;
    }
    closed = item.has_summary();
    const bool go_on = hand_on(handlers, item);
    input.consume(size);
    if (!go_on) {
      outcome.bytes_read = input.offset();
      return outcome;
    }
  }
  const auto left = input.skip(std::numeric_limits<std::uint64_t>::max(), {});
  if (!left) return tl::unexpected(left.error());
  outcome.bytes_left = *left;
  if (outcome.problem.empty() && !closed)
    outcome.problem = "the capture was not closed: its summary is missing";
  outcome.complete = outcome.problem.empty();
  return outcome;
}

}  // namespace vmitap::sink
