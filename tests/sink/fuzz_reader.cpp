// SPDX-License-Identifier: MIT
// All that vmitap does with a capture that somebody sent. Built twice: the seeds make it an MCAP or a pb
// fuzzer.
#include <google/protobuf/descriptor.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <string>

#include "base/handle.hpp"
#include "sink/csv.hpp"
#include "sink/json_lines.hpp"
#include "sink/reader.hpp"

namespace vmitap::sink {
namespace {

void require(bool holds, const char* what) {
  if (holds) return;
  std::fprintf(stderr, "broken promise: %s\n", what);
  std::abort();
}

int read_anything(const std::uint8_t* data, std::size_t size) {
  const Fd file(::memfd_create("capture", MFD_CLOEXEC));
  require(::write(file.get(), data, size) == static_cast<ssize_t>(size), "write");
  const std::string path = "/proc/self/fd/" + std::to_string(file.get());

  JsonLines lines;
  const auto is_line = [](const std::string& text) {
    require(text.starts_with('{') && text.find('\n') == std::string::npos, "one line an item");
    return true;
  };
  ReadHandlers handlers;
  handlers.session = [&](const Session& one) { return is_line(JsonLines::session(one)); };
  handlers.channel = [&](const Channel& one) { return (void)lines.channel(one), true; };
  handlers.record = [&](const ReadRecord& one) { return is_line(lines.record(one)); };
  handlers.loss = [&](const Loss& one) { return is_line(JsonLines::loss(one)); };
  handlers.summary = [&](const Summary& one) { return is_line(JsonLines::summary(one)); };
  const auto read = read_capture(path, handlers);
  if (read) {
    require(read->bytes_read + read->bytes_left == size, "every byte is accounted for");
    require(read->complete == read->problem.empty(), "a problem is told");
    require(!read->complete || read->bytes_left == 0, "what is complete leaves nothing");
  }
  (void)write_csv(path, {}, [](std::string_view line) {
    require(line.ends_with('\n'), "lines end");
    return true;
  });
  return 0;
}

}  // namespace
}  // namespace vmitap::sink

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  return vmitap::sink::read_anything(data, size);
}
