// SPDX-License-Identifier: MIT
// One JSON object a line: {"session":…}, records, {"loss":…}, {"summary":…}. To a terminal line by line, else
// as flush() says. Layouts: render.hpp.
#pragma once

#include <memory>

#include "base/result.hpp"
#include "pipeline/sink.hpp"
#include "sink/output_stream.hpp"

namespace vmitap::sink {

Result<std::unique_ptr<pipeline::Sink>> open_jsonl_sink(OutputStream stream);

}  // namespace vmitap::sink
