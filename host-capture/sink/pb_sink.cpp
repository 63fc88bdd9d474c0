// SPDX-License-Identifier: MIT
#include "sink/pb_sink.hpp"

#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/wire_format_lite.h>

#include <string>
#include <utility>

#include "sink/bytes.hpp"

namespace vmitap::sink {
namespace {

using google::protobuf::internal::WireFormatLite;
using google::protobuf::io::CodedOutputStream;

constexpr std::size_t kWriteAt = std::size_t{256} << 10;
constexpr std::size_t kRecordMax = std::size_t{128} << 20;

class PbSink final : public pipeline::Sink {
 public:
  explicit PbSink(OutputStream stream) : stream_(std::move(stream)) {}
  PbSink(const PbSink&) = delete;
  PbSink& operator=(const PbSink&) = delete;
  ~PbSink() override { (void)flush(); }

  Result<void> session(const Session& session) override {
    StreamItem item;
    *item.mutable_session() = session;
    return add(item);
  }
  Result<void> catalog(const Catalog& catalog) override {
    StreamItem item;
    *item.mutable_catalog() = catalog;
    return add(item);
  }
  Result<void> channel(const Channel& channel) override {
    StreamItem item;
    *item.mutable_channel() = channel;
    return add(item);
  }
  Result<void> record(pipeline::ChannelId channel, std::uint64_t time_ns,
                      std::span<const std::byte> message) override;
  Result<void> loss(const Loss& loss) override {
    StreamItem item;
    *item.mutable_loss() = loss;
    return add(item);
  }
  Result<void> flush() override {
    auto written = stream_.write(buffer_);
    buffer_.clear();
    return written;
  }
  Result<void> close(const Summary& summary) override {
    StreamItem item;
    *item.mutable_summary() = summary;
    if (auto added = add(item); !added) return added;
    if (auto flushed = flush(); !flushed) return flushed;
    return stream_.close();
  }
  [[nodiscard]] std::uint64_t bytes_written() const override { return stream_.bytes_written(); }

 private:
  Result<void> add(const StreamItem& item) {
    if (stream_.error()) return fail(*stream_.error());
    const std::size_t size = item.ByteSizeLong();
    if (size > kRecordMax)
      return stream_.latch({.code = Errc::too_large, .subject = "item", .number = kRecordMax});
    std::uint8_t head[10];
    std::uint8_t* const end = CodedOutputStream::WriteVarint64ToArray(size, head);
    buffer_.append(head, end);
    item.AppendToString(&buffer_);
    return added();
  }
  Result<void> added() { return buffer_.size() >= kWriteAt ? flush() : Result<void>(); }

  OutputStream stream_;
  std::string buffer_;
};

// StreamItem{record: Record{channel, time_ns, message}} without building either message.
Result<void> PbSink::record(pipeline::ChannelId channel, std::uint64_t time_ns,
                            std::span<const std::byte> message) {
  if (stream_.error()) return fail(*stream_.error());
  if (message.size() > kRecordMax)
    return stream_.latch({.code = Errc::too_large, .subject = "record", .number = kRecordMax});
  const auto size = static_cast<std::uint32_t>(message.size());
  std::uint8_t inner[32];
  std::uint8_t* end = WireFormatLite::WriteUInt32ToArray(Record::kChannelFieldNumber, channel, inner);
  end = WireFormatLite::WriteFixed64ToArray(Record::kTimeNsFieldNumber, time_ns, end);
  end = WireFormatLite::WriteTagToArray(Record::kMessageFieldNumber,
                                        WireFormatLite::WIRETYPE_LENGTH_DELIMITED, end);
  end = CodedOutputStream::WriteVarint32ToArray(size, end);
  const auto inner_size = static_cast<std::uint32_t>(end - inner) + size;

  std::uint8_t outer[16];
  std::uint8_t* outer_end = WireFormatLite::WriteTagToArray(StreamItem::kRecordFieldNumber,
                                                            WireFormatLite::WIRETYPE_LENGTH_DELIMITED, outer);
  outer_end = CodedOutputStream::WriteVarint32ToArray(inner_size, outer_end);
  const auto outer_size = static_cast<std::uint32_t>(outer_end - outer);

  std::uint8_t length[8];
  std::uint8_t* const length_end = CodedOutputStream::WriteVarint32ToArray(outer_size + inner_size, length);
  buffer_.append(length, length_end);
  buffer_.append(outer, outer_end);
  buffer_.append(inner, end);
  buffer_.append(reinterpret_cast<const char*>(message.data()), message.size());
  return added();
}

}  // namespace

Result<std::unique_ptr<pipeline::Sink>> open_pb_sink(OutputStream stream) {
  return std::make_unique<PbSink>(std::move(stream));
}

}  // namespace vmitap::sink
