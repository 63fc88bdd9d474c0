// SPDX-License-Identifier: MIT
#include "sink/open_sink.hpp"

#include <utility>

#include "sink/jsonl_sink.hpp"
#include "sink/mcap_sink.hpp"
#include "sink/pb_sink.hpp"

namespace vmitap::sink {

Result<Format> format_named(std::string_view name) {
  if (name == "mcap") return Format::mcap;
  if (name == "pb") return Format::pb;
  if (name == "jsonl") return Format::jsonl;
  return fail({.code = Errc::bad_config,
               .subject = std::string(name),
               .hint = "the output formats are mcap, pb and jsonl"});
}

Result<std::unique_ptr<pipeline::Sink>> open_sink(const std::string& path, Format format) {
  auto stream = OutputStream::open(path);
  if (!stream) return tl::unexpected(stream.error());
  switch (format) {
    case Format::mcap:
      return open_mcap_sink(std::move(*stream));
    case Format::pb:
      return open_pb_sink(std::move(*stream));
    case Format::jsonl:
      return open_jsonl_sink(std::move(*stream));
  }
  return fail({.code = Errc::bad_config, .subject = "output format"});
}

}  // namespace vmitap::sink
