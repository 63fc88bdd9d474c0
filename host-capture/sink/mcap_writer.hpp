// SPDX-License-Identifier: MIT
// Writes an MCAP container, strictly front to back, so that a pipe will do: chunks compressed with zstd,
// each followed by its message index, and a summary at the end. Knows nothing of vmitap. One thread.
#pragma once

#include <zstd.h>

#include <cstdint>
#include <memory>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.hpp"
#include "sink/bytes.hpp"
#include "sink/mcap_format.hpp"
#include "sink/output_stream.hpp"

namespace vmitap::sink::mcap {

// Errors are those of OutputStream, and like it stay; Errc::too_large for what no reader would take.
class Writer {
 public:
  static Result<Writer> start(OutputStream stream, std::string_view library);

  // A channel of protobuf messages with a schema of its own. `files` is a serialized FileDescriptorSet
  // that holds the message of that full name. Returns the channel's id.
  Result<std::uint16_t> add_channel(std::string_view topic, std::string_view message, std::string_view files);
  Result<void> message(std::uint16_t channel, std::uint64_t time_ns, std::span<const std::byte> data);
  // Stands outside of chunks, behind the messages so far.
  Result<void> attach(std::string_view name, std::string_view media_type, std::uint64_t time_ns,
                      std::span<const std::byte> data);
  // Writes out the current chunk, if it holds anything.
  Result<void> flush();
  // The summary and the end of the file.
  Result<void> finish();

  [[nodiscard]] const OutputStream& stream() const noexcept { return stream_; }

 private:
  struct Channel {
    std::uint64_t messages = 0;
    ByteWriter index;  // of the current chunk: (time, offset) pairs
  };
  struct Times {  // first and last; both 0 without messages
    std::uint64_t first = 0;
    std::uint64_t last = 0;
    bool any = false;
    void add(std::uint64_t time);
  };
  struct ContextEnd {
    void operator()(ZSTD_CCtx* context) const noexcept { ZSTD_freeCCtx(context); }
  };

  explicit Writer(OutputStream stream);
  // Opens a record in `out`; end_record() sets its length. Returns where it starts.
  static std::size_t begin_record(ByteWriter& out, Opcode opcode);
  static void end_record(ByteWriter& out, std::size_t start);
  Result<void> write_out();  // out_, as part of the data section
  void index_chunk(std::size_t chunk_length, std::size_t compressed_size);
  void write_statistics(ByteWriter& out) const;

  OutputStream stream_;
  std::unique_ptr<ZSTD_CCtx, ContextEnd> compressor_;
  std::uint32_t data_crc_ = 0;

  ByteWriter chunk_;  // records of the current chunk, uncompressed
  Times chunk_times_;
  std::vector<char> compressed_;
  ByteWriter out_;

  std::vector<Channel> channels_;  // id - 1
  Times times_;
  std::uint64_t messages_ = 0;
  std::uint32_t chunks_ = 0;
  std::uint32_t attachments_ = 0;
  ByteWriter schema_records_;  // for the summary
  ByteWriter channel_records_;
  ByteWriter chunk_indexes_;
  ByteWriter attachment_indexes_;
};

}  // namespace vmitap::sink::mcap
