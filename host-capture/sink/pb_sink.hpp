// SPDX-License-Identifier: MIT
// A stream of StreamItems (proto/vmitap/vmitap.proto), each behind its length as a varint.
#pragma once

#include <memory>

#include "base/result.hpp"
#include "pipeline/sink.hpp"
#include "sink/output_stream.hpp"

namespace vmitap::sink {

Result<std::unique_ptr<pipeline::Sink>> open_pb_sink(OutputStream stream);

}  // namespace vmitap::sink
