// SPDX-License-Identifier: MIT
// A capture with a value of every kind, as the pipeline would hand it to a sink.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "pipeline/sink.hpp"
#include "sink/reader.hpp"
#include "vmitap/vmitap.pb.h"

namespace vmitap::sink::test {

// A folder of this test's own, removed in the end.
class Folder {
 public:
  Folder();
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  ~Folder();
  [[nodiscard]] std::string file(std::string_view name) const { return (path_ / name).string(); }

 private:
  std::filesystem::path path_;
};

std::string read_file(const std::string& path);
void write_file(const std::string& path, std::string_view bytes);

// The message in wire format, from protobuf's text format.
std::string encode(const Channel& channel, const std::string& text);

inline constexpr std::uint64_t kStart = 1'795'414'321'503'921'884;  // 2026-11-23T06:12:01.503921884Z

Session session();
Catalog catalog();
Summary summary();
Loss loss(std::uint64_t count);
// Rule "segments", whose message has a field of every kind; rule "stats", which reads one struct.
Channel segments(std::uint32_t id = 7);
Channel stats(std::uint32_t id = 9);
// A rule whose records are packets; not part of the sample.
Channel packets(std::uint32_t id = 11);
std::string segment(std::uint64_t sequence);  // a record of segments()
std::string stat(std::uint64_t sequence);

// All of the above with `records` records of segments(), every fourth followed by one of stats().
Result<void> write_sample(pipeline::Sink& sink, std::uint64_t records);

// What is read, in order, each item as its kind and bytes: "session …", "record RULE TIME …". Channels
// are without their ids, which are the file's own.
struct Reading {
  std::vector<std::string> items;
  ReadOutcome outcome;
  [[nodiscard]] std::size_t count(std::string_view kind) const;
};
Result<Reading> read_all(const std::string& path);
// What read_all() should find of write_sample().
std::vector<std::string> expected_items(std::uint64_t records);
// Where the first difference is; empty if there is none.
std::string difference(const std::vector<std::string>& found, const std::vector<std::string>& expected);
}  // namespace vmitap::sink::test
