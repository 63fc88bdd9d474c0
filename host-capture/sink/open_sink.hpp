// SPDX-License-Identifier: MIT
// The one factory that names output formats.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "base/result.hpp"
#include "pipeline/sink.hpp"

namespace vmitap::sink {

enum class Format : std::uint8_t { mcap, pb, jsonl };

// Errc::bad_config for an unknown name.
Result<Format> format_named(std::string_view name);

// path "-" is standard output. mcap to a pipe is written too: it needs no seeking.
Result<std::unique_ptr<pipeline::Sink>> open_sink(const std::string& path, Format format);

}  // namespace vmitap::sink
