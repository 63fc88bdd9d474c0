// SPDX-License-Identifier: MIT
#include "cli/output.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <array>
#include <ctime>
#include <filesystem>
#include <utility>

#include "cli/terminal.hpp"

namespace vmitap::cli {
namespace {

namespace fs = std::filesystem;

// The name without what a path or a shell would stumble over.
std::string file_name(const std::string& guest) {
  std::string name;
  for (const char c : guest) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                       c == '-' || c == '_' || c == '.';
    name += plain ? c : '_';
  }
  if (name.empty() || name[0] == '.' || name[0] == '-') name.insert(0, "guest");
  return name;
}

// Local time: it is a name for a person. A capture of the same second gets a number.
std::string unused_path(const std::string& guest) {
  const std::time_t now = std::time(nullptr);
  std::tm parts{};
  std::array<char, 32> stamp{};
  ::localtime_r(&now, &parts);
  std::strftime(stamp.data(), stamp.size(), "%Y%m%d-%H%M%S", &parts);
  const std::string base = fmt::format("{}-{}", file_name(guest), stamp.data());
  std::string path = base + ".mcap";
  std::error_code ignored;
  for (int number = 2; fs::exists(path, ignored); ++number) path = fmt::format("{}-{}.mcap", base, number);
  return path;
}

class LateSink final : public pipeline::Sink {
 public:
  explicit LateSink(Output output) : output_(std::move(output)) {}

  Result<void> session(const Session& session) override {
    auto opened = sink::open_sink(output_.path, output_.format);
    if (!opened) return fail(std::move(opened.error()));
    sink_ = std::move(*opened);
    return sink_->session(session);
  }
  // The session comes first: sink_ is there.
  Result<void> catalog(const Catalog& catalog) override { return sink_->catalog(catalog); }
  Result<void> channel(const Channel& channel) override { return sink_->channel(channel); }
  Result<void> record(pipeline::ChannelId channel, std::uint64_t time_ns,
                      std::span<const std::byte> message) override {
    return sink_->record(channel, time_ns, message);
  }
  Result<void> loss(const Loss& loss) override { return sink_->loss(loss); }
  Result<void> flush() override { return sink_->flush(); }
  Result<void> close(const Summary& summary) override { return sink_->close(summary); }
  [[nodiscard]] std::uint64_t bytes_written() const override { return sink_ ? sink_->bytes_written() : 0; }

 private:
  Output output_;
  std::unique_ptr<pipeline::Sink> sink_;
};

}  // namespace

Result<Output> decide_output(const std::string& path, const std::string& format, const std::string& guest) {
  Output output{.path = path, .format = sink::Format::mcap};
  if (!format.empty()) {
    const auto named = sink::format_named(format);
    if (!named) return fail(named.error());
    output.format = *named;
  } else if (path == "-" || path.ends_with(".jsonl")) {
    output.format = sink::Format::jsonl;
  } else if (path.ends_with(".pb")) {
    output.format = sink::Format::pb;
  } else if (path.ends_with(".csv") || path.ends_with(".json")) {
    return fail(
        {.code = Errc::bad_config,
         .subject = "-o " + path,
         .hint = "a capture is written as .mcap, .pb or .jsonl; then: vmitap decode FILE --format csv"});
  }
  if (path == "-" && output.format != sink::Format::jsonl && is_terminal(STDOUT_FILENO)) {
    return fail({.code = Errc::bad_config,
                 .subject = "-o -",
                 .hint = "this format is binary and standard output is a terminal; pipe it, name a file, or "
                         "take --format jsonl"});
  }
  if (path.empty()) {
    output.path = unused_path(guest);
    constexpr std::string_view extension = "mcap";
    if (output.format != sink::Format::mcap) {
      output.path.replace(output.path.size() - extension.size(), extension.size(),
                          output.format == sink::Format::pb ? "pb" : "jsonl");
    }
  }
  return output;
}

std::unique_ptr<pipeline::Sink> late_sink(Output output) {
  return std::make_unique<LateSink>(std::move(output));
}

}  // namespace vmitap::cli
