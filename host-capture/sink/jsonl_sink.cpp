// SPDX-License-Identifier: MIT
#include "sink/jsonl_sink.hpp"

#include <string>
#include <utility>

#include "sink/json_lines.hpp"

namespace vmitap::sink {
namespace {

constexpr std::size_t kWriteAt = std::size_t{64} << 10;

class JsonlSink final : public pipeline::Sink {
 public:
  explicit JsonlSink(OutputStream stream) : stream_(std::move(stream)) {}
  JsonlSink(const JsonlSink&) = delete;
  JsonlSink& operator=(const JsonlSink&) = delete;
  ~JsonlSink() override { (void)flush(); }

  Result<void> session(const Session& session) override { return add(JsonLines::session(session)); }
  Result<void> catalog(const Catalog&) override { return {}; }  // `vmitap types --json` shows layouts
  Result<void> channel(const Channel& channel) override {
    if (stream_.error()) return fail(*stream_.error());
    auto known = lines_.channel(channel);
    return known ? known : stream_.latch(known.error());
  }
  Result<void> record(pipeline::ChannelId channel, std::uint64_t time_ns,
                      std::span<const std::byte> message) override {
    return add(lines_.record({.channel = channel, .time_ns = time_ns, .message = message}));
  }
  Result<void> loss(const Loss& loss) override { return add(JsonLines::loss(loss)); }
  Result<void> flush() override {
    auto written = stream_.write(buffer_);
    buffer_.clear();
    return written;
  }
  Result<void> close(const Summary& summary) override {
    if (auto added = add(JsonLines::summary(summary)); !added) return added;
    if (auto flushed = flush(); !flushed) return flushed;
    return stream_.close();
  }
  [[nodiscard]] std::uint64_t bytes_written() const override { return stream_.bytes_written(); }

 private:
  Result<void> add(const std::string& line) {
    if (stream_.error()) return fail(*stream_.error());
    buffer_ += line;
    buffer_ += '\n';
    return stream_.is_terminal() || buffer_.size() >= kWriteAt ? flush() : Result<void>();
  }

  OutputStream stream_;
  JsonLines lines_;
  std::string buffer_;
};

}  // namespace

Result<std::unique_ptr<pipeline::Sink>> open_jsonl_sink(OutputStream stream) {
  return std::make_unique<JsonlSink>(std::move(stream));
}

}  // namespace vmitap::sink
