// SPDX-License-Identifier: MIT
#include "sink/mcap_reader.hpp"

#include <fmt/format.h>
#include <zlib.h>

#include <algorithm>
#include <limits>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/printable.hpp"
#include "sink/bytes.hpp"
#include "sink/decompress.hpp"
#include "sink/problems.hpp"

namespace vmitap::sink::mcap {
namespace {

// What a length says that nothing else has confirmed.
struct RecordHead {
  Opcode opcode;
  std::uint64_t length;
};

std::optional<RecordHead> record_head(std::span<const std::byte> bytes) {
  ByteReader reader(bytes);
  const auto opcode = reader.number<std::uint8_t>();
  const auto length = reader.number<std::uint64_t>();
  if (!reader.ok()) return std::nullopt;
  return RecordHead{static_cast<Opcode>(opcode), length};
}

class Crc {
 public:
  void add(std::span<const std::byte> bytes) {
    value_ = static_cast<std::uint32_t>(
        crc32_z(value_, reinterpret_cast<const Bytef*>(bytes.data()), bytes.size()));
  }
  // A stored checksum of 0 means that there is none.
  [[nodiscard]] bool agrees(std::uint32_t stored) const { return stored == 0 || stored == value_; }
  static bool agrees(std::span<const std::byte> bytes, std::uint32_t stored) {
    Crc crc;
    crc.add(bytes);
    return crc.agrees(stored);
  }

 private:
  std::uint32_t value_ = 0;
};

enum class Step : std::uint8_t { next, finished, broken, stopped };

class Scan {
 public:
  Scan(InputStream& input, const RecordHandler& handler) : input_(input), handler_(handler) {}

  Result<ReadOutcome> run() {
    Step step = Step::next;
    if (const auto magic = input_.peek(kMagic.size()); !magic) {
      return tl::unexpected(magic.error());
    } else if (!std::ranges::equal(*magic, bytes_of(kMagic).first(magic->size())) || magic->empty()) {
      return fail({.code = Errc::bad_file, .subject = input_.path(), .hint = "it is no MCAP file"});
    } else if (magic->size() < kMagic.size()) {
      step = broken("the file is cut off in its first bytes");
    } else {
      crc_.add(*magic);
      input_.consume(magic->size());
    }
    whole_ = input_.offset();
    while (step == Step::next) {
      auto done = record();
      if (!done) return tl::unexpected(done.error());
      step = *done;
      if (step != Step::broken) whole_ = input_.offset();
    }
    if (step == Step::stopped)
      return ReadOutcome{.complete = false, .bytes_read = whole_, .bytes_left = 0, .problem = {}};
    auto rest = input_.skip(std::numeric_limits<std::uint64_t>::max(), {});
    if (!rest) return tl::unexpected(rest.error());
    if (step == Step::finished && *rest > 0) problems_.add("something follows the end of the capture");
    return ReadOutcome{.complete = !problems_.any(),
                       .bytes_read = whole_ - damaged_,
                       .bytes_left = input_.offset() - whole_ + damaged_,
                       .problem = problems_.text()};
  }

 private:
  Step broken(std::string problem) {
    problems_.add(std::move(problem));
    return Step::broken;
  }
  // Leaves this record out; its frame is good.
  Step damaged(std::string what, std::uint64_t length) {
    problems_.add(fmt::format("{} at offset {} was left out", what, whole_));
    damaged_ += kRecordHead + length;
    return Step::next;
  }

  Result<Step> record();
  Result<Step> footer(const RecordHead& head);
  Step content(const RecordHead& head, std::span<const std::byte> content);
  Step chunk(std::span<const std::byte> content);
  Step chunk_records(std::span<const std::byte> records, std::uint64_t length);

  InputStream& input_;
  const RecordHandler& handler_;
  Problems problems_;
  Crc crc_;  // of the data section, then of the summary
  bool in_summary_ = false;
  std::uint64_t whole_ = 0;    // offset behind the last whole record
  std::uint64_t damaged_ = 0;  // bytes before it that were left out
  std::vector<std::byte> chunk_;
};

Result<Step> Scan::record() {
  const auto bytes = input_.peek(kRecordHead);
  if (!bytes) return tl::unexpected(bytes.error());
  if (bytes->empty()) return broken("the capture was not closed: its end is missing");
  const auto head = record_head(*bytes);
  if (!head) return broken(fmt::format("the file is cut off at offset {}", whole_));
  if (head->opcode == Opcode::footer) return footer(*head);
  if (static_cast<std::uint8_t>(head->opcode) == 0)
    return broken(fmt::format("what stands at offset {} is no record", whole_));

  const bool wanted = !in_summary_ && (head->opcode == Opcode::chunk || head->opcode == Opcode::attachment ||
                                       head->opcode == Opcode::schema || head->opcode == Opcode::channel ||
                                       head->opcode == Opcode::message || head->opcode == Opcode::data_end);
  if (!wanted) {
    // Indexes serve other readers; what is unknown may come from a later version.
    const std::uint64_t size =
        kRecordHead + std::min(head->length, std::numeric_limits<std::uint64_t>::max() - kRecordHead);
    const auto skipped = input_.skip(size, [this](auto part) { crc_.add(part); });
    if (!skipped) return tl::unexpected(skipped.error());
    if (*skipped < size) return broken(fmt::format("the file is cut off in the record at offset {}", whole_));
    return Step::next;
  }
  if (head->length > kRecordMax)
    return broken(fmt::format("the record at offset {} claims {} bytes, more than a capture's can have",
                              whole_, head->length));
  const auto size = kRecordHead + static_cast<std::size_t>(head->length);
  const auto whole = input_.peek(size);
  if (!whole) return tl::unexpected(whole.error());
  if (whole->size() < size)
    return broken(fmt::format("the file is cut off in the record at offset {}", whole_));
  const Step step = content(*head, whole->subspan(kRecordHead));
  if (head->opcode != Opcode::data_end) crc_.add(*whole);
  input_.consume(size);
  return step;
}

Step Scan::content(const RecordHead& head, std::span<const std::byte> content) {
  if (head.opcode == Opcode::chunk) return chunk(content);
  if (head.opcode == Opcode::data_end) {
    if (!crc_.agrees(ByteReader(content).number<std::uint32_t>()))
      problems_.add("the checksum over the capture's data is wrong");
    in_summary_ = true;
    crc_ = {};
    return Step::next;
  }
  if (head.opcode == Opcode::attachment) {
    constexpr std::size_t kCrc = sizeof(std::uint32_t);
    if (content.size() < kCrc || !Crc::agrees(content.first(content.size() - kCrc),
                                              ByteReader(content.last(kCrc)).number<std::uint32_t>()))
      return damaged("a damaged attachment", head.length);
  }
  return handler_(head.opcode, content) ? Step::next : Step::stopped;
}

Step Scan::chunk(std::span<const std::byte> content) {
  ByteReader reader(content);
  reader.raw(8 + 8);  // times of the first and last message
  const auto size = reader.number<std::uint64_t>();
  const auto crc = reader.number<std::uint32_t>();
  const auto compression = reader.string();
  const auto stored = reader.raw(reader.number<std::uint64_t>());
  if (!reader.ok()) return damaged("a damaged chunk", content.size());
  if (size > kChunkMax)
    return damaged("a chunk that claims to be larger than a capture's can be", content.size());
  std::span<const std::byte> records = stored;
  if (compression == "zstd") {
    if (!decompress_zstd(stored, size, chunk_)) return damaged("a damaged chunk", content.size());
    records = chunk_;
  } else if (!compression.empty()) {
    return damaged(
        fmt::format("a chunk with unknown compression \"{}\"", printable(compression.substr(0, 20))),
        content.size());
  }
  if (records.size() != size || !Crc::agrees(records, crc)) return damaged("a damaged chunk", content.size());
  return chunk_records(records, content.size());
}

Step Scan::chunk_records(std::span<const std::byte> records, std::uint64_t length) {
  ByteReader reader(records);
  while (!reader.empty()) {
    const auto head = record_head(reader.raw(kRecordHead));
    const auto content = reader.raw(head ? head->length : 0);
    if (!reader.ok()) return damaged("a chunk's end, which is no record,", length);
    const bool allowed =
        head->opcode == Opcode::schema || head->opcode == Opcode::channel || head->opcode == Opcode::message;
    if (allowed && !handler_(head->opcode, content)) return Step::stopped;
  }
  return Step::next;
}

Result<Step> Scan::footer(const RecordHead& head) {
  constexpr std::size_t kFooter = 8 + 8 + 4;
  const auto whole = input_.peek(kRecordHead + kFooter + kMagic.size());
  if (!whole) return tl::unexpected(whole.error());
  if (!in_summary_ || head.length != kFooter) return broken("the footer is damaged");
  if (whole->size() < kRecordHead + kFooter + kMagic.size())
    return broken("the file is cut off in its last bytes");
  const std::size_t crc_at = kRecordHead + kFooter - sizeof(std::uint32_t);
  crc_.add(whole->first(crc_at));
  if (!crc_.agrees(ByteReader(whole->subspan(crc_at)).number<std::uint32_t>()))
    problems_.add("the checksum over the summary is wrong");
  if (!std::ranges::equal(whole->last(kMagic.size()), bytes_of(kMagic)))
    problems_.add("the last bytes of the file are damaged");
  input_.consume(whole->size());
  return Step::finished;
}

}  // namespace

Result<ReadOutcome> scan(InputStream& input, const RecordHandler& handler) {
  return Scan(input, handler).run();
}

}  // namespace vmitap::sink::mcap
