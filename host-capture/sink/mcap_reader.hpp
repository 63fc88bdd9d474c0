// SPDX-License-Identifier: MIT
// Reads an MCAP container front to back, so that a pipe will do and a cut-off file gives all that it holds.
// Knows nothing of vmitap. Nothing is handed on before its checksum was verified.
#pragma once

#include <cstddef>
#include <functional>
#include <span>

#include "base/result.hpp"
#include "sink/input_stream.hpp"
#include "sink/mcap_format.hpp"
#include "sink/reader.hpp"

namespace vmitap::sink::mcap {

// Schemas, channels, messages (from chunks or not) and attachments, in the file's order, without their
// record head. An attachment's CRC is verified and still there. Returning false ends the reading.
using RecordHandler = std::function<bool(Opcode, std::span<const std::byte>)>;

// A damaged chunk or attachment is left out, and the reading goes on behind it. What stands in the file
// is bounded by mcap_format.hpp's limits. Errc::io, Errc::bad_file if it does not start as MCAP does.
Result<ReadOutcome> scan(InputStream& input, const RecordHandler& handler);

}  // namespace vmitap::sink::mcap
