// SPDX-License-Identifier: MIT
#include "sink/mcap_sink.hpp"

#include <google/protobuf/descriptor.h>
#include <google/protobuf/descriptor.pb.h>

#include <string>
#include <unordered_map>
#include <utility>

#include "sink/descriptor_set.hpp"
#include "sink/mcap_writer.hpp"

namespace vmitap::sink {
namespace {

class McapSink final : public pipeline::Sink {
 public:
  explicit McapSink(mcap::Writer writer) : writer_(std::move(writer)) {}
  McapSink(const McapSink&) = delete;
  McapSink& operator=(const McapSink&) = delete;
  ~McapSink() override { (void)writer_.flush(); }

  Result<void> announce() {
    for (const auto& [id, topic, descriptor] :
         {std::tuple{&session_, mcap::kSessionTopic, Session::descriptor()},
          std::tuple{&loss_, mcap::kLossTopic, Loss::descriptor()},
          std::tuple{&summary_, mcap::kSummaryTopic, Summary::descriptor()}}) {
      auto added = writer_.add_channel(topic, descriptor->full_name(),
                                       descriptor_set(*descriptor->file()).SerializeAsString());
      if (!added) return tl::unexpected(added.error());
      *id = *added;
    }
    return {};
  }

  Result<void> session(const Session& session) override {
    if (auto written = write(session_, session.time_ns(), session); !written) return written;
    session_time_ns_ = session.time_ns();
    return writer_.flush();  // so that it stands before the catalogs, and survives whatever follows
  }
  Result<void> catalog(const Catalog& catalog) override {
    return writer_.attach(std::string(mcap::kCatalogPrefix) + catalog.object(), mcap::kCatalogMediaType,
                          session_time_ns_, bytes_of(catalog.SerializeAsString()));
  }
  Result<void> channel(const Channel& channel) override {
    auto added = writer_.add_channel(channel.rule(), channel.message(), channel.files().SerializeAsString());
    if (!added) return tl::unexpected(added.error());
    channels_[channel.id()] = *added;
    return {};
  }
  Result<void> record(pipeline::ChannelId channel, std::uint64_t time_ns,
                      std::span<const std::byte> message) override {
    const auto known = channels_.find(channel);
    if (known == channels_.end())
      return fail({.code = Errc::bad_config, .subject = "a record of an unannounced channel"});
    return writer_.message(known->second, time_ns, message);
  }
  Result<void> loss(const Loss& loss) override { return write(loss_, loss.time_ns(), loss); }
  Result<void> flush() override { return writer_.flush(); }
  Result<void> close(const Summary& summary) override {
    if (auto written = write(summary_, summary.end_time_ns(), summary); !written) return written;
    return writer_.finish();
  }
  [[nodiscard]] std::uint64_t bytes_written() const override { return writer_.stream().bytes_written(); }

 private:
  Result<void> write(std::uint16_t channel, std::uint64_t time_ns, const google::protobuf::Message& message) {
    return writer_.message(channel, time_ns, bytes_of(message.SerializeAsString()));
  }

  mcap::Writer writer_;
  std::uint16_t session_ = 0;
  std::uint16_t loss_ = 0;
  std::uint16_t summary_ = 0;
  std::uint64_t session_time_ns_ = 0;
  std::unordered_map<std::uint32_t, std::uint16_t> channels_;  // the pipeline's id to the file's
};

}  // namespace

Result<std::unique_ptr<pipeline::Sink>> open_mcap_sink(OutputStream stream) {
  auto writer = mcap::Writer::start(std::move(stream), "vmitap");
  if (!writer) return tl::unexpected(writer.error());
  auto sink = std::make_unique<McapSink>(std::move(*writer));
  if (auto announced = sink->announce(); !announced) return tl::unexpected(announced.error());
  return sink;
}

}  // namespace vmitap::sink
