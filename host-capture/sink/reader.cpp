// SPDX-License-Identifier: MIT
#include "sink/reader.hpp"

#include <algorithm>

#include "sink/bytes.hpp"
#include "sink/capture_reader.hpp"
#include "sink/input_stream.hpp"
#include "sink/mcap_format.hpp"

namespace vmitap::sink {
namespace {

Error no_capture(const InputStream& input, const char* hint) {
  return {.code = Errc::bad_file, .subject = input.path(), .hint = hint};
}

// The first item of a pb stream is its session: a varint, then the tag of StreamItem.session.
bool may_be_pb(std::span<const std::byte> start) {
  const auto length_end =
      std::ranges::find_if(start, [](std::byte b) { return (b & std::byte{0x80}) == std::byte{}; });
  if (length_end == start.end()) return true;
  return length_end + 1 == start.end() ||
         length_end[1] == std::byte{StreamItem::kSessionFieldNumber << 3 | 2};
}

}  // namespace

Result<ReadOutcome> read_capture(const std::string& path, const ReadHandlers& handlers) {
  auto input = InputStream::open(path);
  if (!input) return tl::unexpected(input.error());
  const auto start = input->peek(mcap::kMagic.size());
  if (!start) return tl::unexpected(start.error());
  if (start->empty())
    return fail(no_capture(*input, "it is empty: the capture ended before anything was written"));
  if (std::ranges::equal(*start, bytes_of(mcap::kMagic).first(start->size())))
    return read_mcap(*input, handlers);
  if (std::ranges::equal(start->first(std::min<std::size_t>(2, start->size())), bytes_of("{\"")))
    return fail(no_capture(*input, "it looks like JSON, which other tools read; vmitap reads mcap and pb"));
  if (may_be_pb(*start)) return read_pb(*input, handlers);
  return fail(no_capture(*input, "it is no capture: vmitap reads mcap and pb, told by the first bytes"));
}

}  // namespace vmitap::sink
