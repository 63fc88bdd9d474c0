// SPDX-License-Identifier: MIT
// The third stage: shots become protobuf records. Pure: bytes in, bytes out.
#pragma once

#include <string>
#include <vector>

#include "pipeline/messages.hpp"
#include "types/encode_plan.hpp"

namespace vmitap::pipeline {

// One thread, the encode stage's.
class Encoder {
 public:
  // guest_names: what Facts.guest says; empty strings if the capture has one guest.
  explicit Encoder(std::vector<std::string> guest_names) : guest_names_(std::move(guest_names)) {}

  // What came in beside records goes with the first piece, what ends the batch with the last. Returns the
  // shot to go on with: the batch's count of shots when all is said.
  //
  // In pieces, as a few bytes of a guest can become many: unions are all their views, and the types of a
  // kernel are what the guest says they are.
  std::size_t encode(const Batch& batch, std::size_t from, EncodedBatch& out);

 private:
  void encode_shot(const Batch& batch, const Shot& shot);
  void facts(const Batch& batch, const Shot& shot);

  std::vector<std::string> guest_names_;
  types::BackWriter writer_;
};

}  // namespace vmitap::pipeline
