// SPDX-License-Identifier: MIT
// An MCAP container: one protobuf channel a rule; session, losses and summary as channels vmitap.session,
// vmitap.loss and vmitap.summary; catalogs as attachments.
#pragma once

#include <memory>

#include "base/result.hpp"
#include "pipeline/sink.hpp"
#include "sink/output_stream.hpp"

namespace vmitap::sink {

Result<std::unique_ptr<pipeline::Sink>> open_mcap_sink(OutputStream stream);

}  // namespace vmitap::sink
