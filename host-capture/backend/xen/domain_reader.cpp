// SPDX-License-Identifier: MIT
#include "backend/xen/domain_reader.hpp"

#include <utility>

namespace vmitap::backend::xen {

Result<Memory> open_memory(const DomainInfo& domain, AddressSpace space, MappingShare share) {
  space.translated = domain.hvm;
  auto frames = FrameCache::open(domain.id, std::move(share));
  if (!frames) return fail(std::move(frames.error()));
  return Memory(std::move(*frames), space);
}

DomainReader::~DomainReader() {
  if (line_) ledger_.leave(*line_);
}

Result<void> DomainReader::open(const DomainInfo& domain, const std::optional<AddressSpace>& space) {
  if (space) {
    auto memory = open_memory(domain, *space, MappingShare::of_records());
    if (!memory) return fail(std::move(memory.error()));
    memory_.emplace(std::move(*memory));
  }
  auto line = ledger_.enter(domain.id, domain.uuid);
  if (!line) return fail(std::move(line.error()));
  line_.emplace(*line);
  return {};
}

void DomainReader::rehearse() noexcept {
  if (memory_) memory_->rehearse();
  reading_ = Reading::rehearsal;
}

void DomainReader::read(std::span<ReadRequest> requests) noexcept {
  if (!memory_) {
    for (ReadRequest& request : requests) request.status = ReadStatus::unreadable;
    return;
  }
  switch (reading_) {
    case Reading::anew:
      return memory_->read(requests);
    case Reading::rehearsal:
      return memory_->read_aside(requests);
    case Reading::pause:
      return memory_->read_in_pause(requests);
  }
}

Result<void> DomainReader::pause() {
  if (memory_ && reading_ != Reading::rehearsal) memory_->rehearse();
  if (memory_) memory_->start_pause();
  auto paused = line_->pause();
  reading_ = paused ? Reading::pause : Reading::anew;
  was_ours_ = false;
  return paused;
}

void DomainReader::unpause() noexcept {
  was_ours_ = line_->unpause();
  reading_ = Reading::anew;
}

}  // namespace vmitap::backend::xen
