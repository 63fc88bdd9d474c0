// SPDX-License-Identifier: MIT
#include "cli/output_file.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <ctime>
#include <filesystem>

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

}  // namespace

Result<Output> decide_output(const std::string& path, const std::string& format, const std::string& guest) {
  Output output{.path = path, .format = sink::Format::mcap};
  if (!format.empty()) {
    const auto named = sink::format_named(format);
    if (!named) return fail(named.error());
    output.format = *named;
  } else if (path == "-") {
    output.format = sink::Format::jsonl;
  } else if (path.ends_with(".pb")) {
    output.format = sink::Format::pb;
  } else if (path.ends_with(".jsonl")) {
    output.format = sink::Format::jsonl;
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

OutputFile::OutputFile(const Output& output) : path_(output.path), format_(output.format) {
  std::error_code error;
  const fs::file_status status = fs::status(path_, error);
  if (path_ != "-" && fs::is_regular_file(status)) {
    path_ = fs::canonical(path_, error);
    written_ = fmt::format("{}.{}", path_, ::getpid());
    ours_ = true;
  } else {
    written_ = path_;
    ours_ = path_ != "-" && !fs::exists(status);
  }
}

Result<std::unique_ptr<pipeline::Sink>> OutputFile::open() { return sink::open_sink(written_, format_); }

Result<void> OutputFile::keep() {
  ours_ = false;
  if (written_ == path_) return {};
  if (std::rename(written_.c_str(), path_.c_str()) == 0) return {};
  return fail({.code = Errc::io, .operation = "rename to its name", .subject = written_, .sys = errno});
}

void OutputFile::discard() noexcept {
  if (ours_.exchange(false)) ::unlink(written_.c_str());
}

}  // namespace vmitap::cli
