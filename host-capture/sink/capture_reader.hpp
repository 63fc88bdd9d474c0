// SPDX-License-Identifier: MIT
// One reader a format, behind read_capture().
#pragma once

#include "base/result.hpp"
#include "sink/input_stream.hpp"
#include "sink/reader.hpp"

namespace vmitap::sink {

Result<ReadOutcome> read_mcap(InputStream& input, const ReadHandlers& handlers);
Result<ReadOutcome> read_pb(InputStream& input, const ReadHandlers& handlers);

}  // namespace vmitap::sink
