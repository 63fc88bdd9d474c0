// SPDX-License-Identifier: MIT
#include "sink/mcap_writer.hpp"

#include <zlib.h>

#include <algorithm>
#include <limits>

namespace vmitap::sink::mcap {
namespace {

constexpr std::size_t kChunkTarget = std::size_t{256}
                                     << 10;  // a full disk costs one: larger ones save little
constexpr std::size_t kMessageMax = std::size_t{128} << 20;
constexpr std::size_t kAttachmentMax = std::size_t{400} << 20;
constexpr int kLevel = 1;  // keeps up with the pipeline; higher levels do not

std::uint32_t crc(std::uint32_t so_far, std::span<const std::byte> bytes) {
  return static_cast<std::uint32_t>(
      crc32_z(so_far, reinterpret_cast<const Bytef*>(bytes.data()), bytes.size()));
}

}  // namespace

void Writer::Times::add(std::uint64_t time) {
  first = any ? std::min(first, time) : time;
  last = any ? std::max(last, time) : time;
  any = true;
}

Writer::Writer(OutputStream stream) : stream_(std::move(stream)), compressor_(ZSTD_createCCtx()) {}

std::size_t Writer::begin_record(ByteWriter& out, Opcode opcode) {
  const std::size_t start = out.size();
  out.number(static_cast<std::uint8_t>(opcode));
  out.number(std::uint64_t{0});
  return start;
}

void Writer::end_record(ByteWriter& out, std::size_t start) {
  out.patch(start + 1, std::uint64_t{out.size() - start - kRecordHead});
}

Result<Writer> Writer::start(OutputStream stream, std::string_view library) {
  Writer writer(std::move(stream));
  if (!writer.compressor_) return fail({.code = Errc::system, .operation = "ZSTD_createCCtx", .sys = ENOMEM});
  ZSTD_CCtx_setParameter(writer.compressor_.get(), ZSTD_c_compressionLevel, kLevel);
  writer.out_.raw(kMagic);
  const std::size_t header = begin_record(writer.out_, Opcode::header);
  writer.out_.string("");  // profile: none of the registered ones
  writer.out_.string(library);
  end_record(writer.out_, header);
  if (auto written = writer.write_out(); !written) return tl::unexpected(written.error());
  return writer;
}

Result<void> Writer::write_out() {
  data_crc_ = crc(data_crc_, out_.bytes());
  auto written = stream_.write(out_.bytes());
  out_.clear();
  return written;
}

Result<std::uint16_t> Writer::add_channel(std::string_view topic, std::string_view message,
                                          std::string_view files) {
  if (stream_.error()) return fail(*stream_.error());
  constexpr auto kChannelsMax = std::numeric_limits<std::uint16_t>::max();
  Result<void> fits;
  if (channels_.size() >= kChannelsMax)
    fits = stream_.latch({.code = Errc::too_large, .subject = "number of rules", .number = kChannelsMax});
  else if (files.size() > kMessageMax)
    fits = stream_.latch({.code = Errc::too_large, .subject = std::string(message), .number = kMessageMax});
  if (!fits) return tl::unexpected(fits.error());
  channels_.emplace_back();
  const auto id = static_cast<std::uint16_t>(channels_.size());

  const std::size_t schema_start = begin_record(chunk_, Opcode::schema);
  chunk_.number(id);
  chunk_.string(message);
  chunk_.string("protobuf");
  chunk_.string(files);
  end_record(chunk_, schema_start);
  const std::size_t channel_start = begin_record(chunk_, Opcode::channel);
  chunk_.number(id);
  chunk_.number(id);  // the schema's
  chunk_.string(topic);
  chunk_.string("protobuf");
  chunk_.string("");  // no metadata: an empty map
  end_record(chunk_, channel_start);

  const auto both = chunk_.bytes();
  schema_records_.raw(both.subspan(schema_start, channel_start - schema_start));
  channel_records_.raw(both.subspan(channel_start));
  return id;
}

Result<void> Writer::message(std::uint16_t channel, std::uint64_t time_ns, std::span<const std::byte> data) {
  if (stream_.error()) return fail(*stream_.error());
  if (data.size() > kMessageMax)
    return stream_.latch({.code = Errc::too_large, .subject = "record", .number = kMessageMax});
  Channel& to = channels_[channel - 1U];
  to.index.number(time_ns);
  to.index.number(std::uint64_t{chunk_.size()});
  const std::size_t start = begin_record(chunk_, Opcode::message);
  chunk_.number(channel);
  chunk_.number(static_cast<std::uint32_t>(to.messages));
  chunk_.number(time_ns);
  chunk_.number(time_ns);
  chunk_.raw(data);
  end_record(chunk_, start);
  ++to.messages;
  ++messages_;
  chunk_times_.add(time_ns);
  if (chunk_.size() >= kChunkTarget) return flush();
  return {};
}

Result<void> Writer::flush() {
  if (stream_.error()) return fail(*stream_.error());
  if (chunk_.empty()) return {};
  compressed_.resize(ZSTD_compressBound(chunk_.size()));
  const std::size_t size = ZSTD_compress2(compressor_.get(), compressed_.data(), compressed_.size(),
                                          chunk_.bytes().data(), chunk_.size());
  if (ZSTD_isError(size) != 0)
    return stream_.latch(
        {.code = Errc::system, .operation = "ZSTD_compress2", .subject = ZSTD_getErrorName(size)});

  const std::size_t start = begin_record(out_, Opcode::chunk);
  out_.number(chunk_times_.first);
  out_.number(chunk_times_.last);
  out_.number(std::uint64_t{chunk_.size()});
  out_.number(crc(0, chunk_.bytes()));
  out_.string("zstd");
  out_.number(std::uint64_t{size});
  out_.raw(std::string_view(compressed_.data(), size));
  end_record(out_, start);
  index_chunk(out_.size(), size);

  if (chunk_times_.any) {
    times_.add(chunk_times_.first);
    times_.add(chunk_times_.last);
  }
  ++chunks_;
  chunk_.clear();
  chunk_times_ = {};
  return write_out();
}

// Writes the message indexes of the chunk that out_ holds, and what the summary will say of it.
void Writer::index_chunk(std::size_t chunk_length, std::size_t compressed_size) {
  const std::uint64_t chunk_start = stream_.bytes_written();
  ByteWriter offsets;
  for (std::size_t i = 0; i < channels_.size(); ++i) {
    ByteWriter& index = channels_[i].index;
    if (index.empty()) continue;
    const auto id = static_cast<std::uint16_t>(i + 1);
    offsets.number(id);
    offsets.number(chunk_start + out_.size());
    const std::size_t start = begin_record(out_, Opcode::message_index);
    out_.number(id);
    out_.number(static_cast<std::uint32_t>(index.size()));
    out_.raw(index.bytes());
    end_record(out_, start);
    index.clear();
  }

  const std::size_t start = begin_record(chunk_indexes_, Opcode::chunk_index);
  chunk_indexes_.number(chunk_times_.first);
  chunk_indexes_.number(chunk_times_.last);
  chunk_indexes_.number(chunk_start);
  chunk_indexes_.number(std::uint64_t{chunk_length});
  chunk_indexes_.number(static_cast<std::uint32_t>(offsets.size()));
  chunk_indexes_.raw(offsets.bytes());
  chunk_indexes_.number(std::uint64_t{out_.size() - chunk_length});
  chunk_indexes_.string("zstd");
  chunk_indexes_.number(std::uint64_t{compressed_size});
  chunk_indexes_.number(std::uint64_t{chunk_.size()});
  end_record(chunk_indexes_, start);
}

Result<void> Writer::attach(std::string_view name, std::string_view media_type, std::uint64_t time_ns,
                            std::span<const std::byte> data) {
  if (auto flushed = flush(); !flushed) return flushed;
  if (data.size() > kAttachmentMax)
    return stream_.latch({.code = Errc::too_large, .subject = std::string(name), .number = kAttachmentMax});
  const std::uint64_t offset = stream_.bytes_written();
  const std::size_t start = begin_record(out_, Opcode::attachment);
  out_.number(time_ns);
  out_.number(time_ns);
  out_.string(name);
  out_.string(media_type);
  out_.number(std::uint64_t{data.size()});
  out_.raw(data);
  out_.number(crc(0, out_.bytes().subspan(start + kRecordHead)));
  end_record(out_, start);
  ++attachments_;

  const std::size_t index = begin_record(attachment_indexes_, Opcode::attachment_index);
  attachment_indexes_.number(offset);
  attachment_indexes_.number(std::uint64_t{out_.size()});
  attachment_indexes_.number(time_ns);
  attachment_indexes_.number(time_ns);
  attachment_indexes_.number(std::uint64_t{data.size()});
  attachment_indexes_.string(name);
  attachment_indexes_.string(media_type);
  end_record(attachment_indexes_, index);
  return write_out();
}

void Writer::write_statistics(ByteWriter& out) const {
  const std::size_t start = begin_record(out, Opcode::statistics);
  out.number(messages_);
  out.number(static_cast<std::uint16_t>(channels_.size()));  // schemas
  out.number(static_cast<std::uint32_t>(channels_.size()));
  out.number(attachments_);
  out.number(std::uint32_t{0});  // metadata records
  out.number(chunks_);
  out.number(times_.first);
  out.number(times_.last);
  ByteWriter counts;
  for (std::size_t i = 0; i < channels_.size(); ++i) {
    counts.number(static_cast<std::uint16_t>(i + 1));
    counts.number(channels_[i].messages);
  }
  out.number(static_cast<std::uint32_t>(counts.size()));
  out.raw(counts.bytes());
  end_record(out, start);
}

Result<void> Writer::finish() {
  if (auto flushed = flush(); !flushed) return flushed;
  const std::size_t data_end = begin_record(out_, Opcode::data_end);
  out_.number(data_crc_);
  end_record(out_, data_end);
  if (auto written = write_out(); !written) return written;

  // Summary: records grouped by opcode, then where each group stands, then the footer, which starts the
  // last bytes that summary_crc covers: https://mcap.dev/spec#footer-op0x02
  const std::uint64_t summary_start = stream_.bytes_written();
  ByteWriter statistics;
  write_statistics(statistics);
  ByteWriter groups;
  const std::pair<Opcode, const ByteWriter*> contents[] = {{Opcode::schema, &schema_records_},
                                                           {Opcode::channel, &channel_records_},
                                                           {Opcode::statistics, &statistics},
                                                           {Opcode::chunk_index, &chunk_indexes_},
                                                           {Opcode::attachment_index, &attachment_indexes_}};
  for (const auto& [opcode, records] : contents) {
    if (records->empty()) continue;
    const std::size_t start = begin_record(groups, Opcode::summary_offset);
    groups.number(static_cast<std::uint8_t>(opcode));
    groups.number(summary_start + out_.size());
    groups.number(std::uint64_t{records->size()});
    end_record(groups, start);
    out_.raw(records->bytes());
  }
  const std::uint64_t offsets_start = summary_start + out_.size();
  out_.raw(groups.bytes());
  const std::size_t footer = begin_record(out_, Opcode::footer);
  out_.number(summary_start);
  out_.number(offsets_start);
  out_.patch(footer + 1, std::uint64_t{8 + 8 + 4});
  out_.number(crc(0, out_.bytes()));
  out_.raw(kMagic);
  if (auto written = write_out(); !written) return written;
  return stream_.close();
}

}  // namespace vmitap::sink::mcap
