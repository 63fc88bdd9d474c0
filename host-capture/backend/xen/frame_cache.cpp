// SPDX-License-Identifier: MIT
#include "backend/xen/frame_cache.hpp"

#include <sys/mman.h>

#include <cerrno>
#include <new>
#include <utility>

namespace vmitap::backend::xen {

Result<FrameCache> FrameCache::open(DomId domain, MappingShare share) {
  Handle handle(xenforeignmemory_open(quiet(), 0));
  if (handle) return FrameCache(std::move(handle), domain, std::move(share));
  return fail({.code = errno == EACCES || errno == EPERM ? Errc::access_denied : Errc::unsupported,
               .operation = "xenforeignmemory_open",
               .subject = "mapping a domain's memory",
               .sys = errno,
               .hint = "run vmitap as root in dom0, with the module xen-privcmd loaded"});
}

FrameCache::~FrameCache() { drop(); }

void FrameCache::drop() noexcept {
  for (const auto& [frame, mapped] : frames_)
    xenforeignmemory_unmap(handle_.get(), const_cast<std::byte*>(mapped.at), 1);
  frames_.clear();
}

const std::byte* FrameCache::get(Frame frame) noexcept {
  lacked_room_ = false;
  if (const auto known = frames_.find(frame.value); known != frames_.end()) {
    known->second.last_used = turn_;
    return known->second.at;
  }
  if (!has_room()) {
    lacked_room_ = true;
    return nullptr;
  }
  const xen_pfn_t number = frame.value;
  int error = 0;
  void* const at = xenforeignmemory_map(handle_.get(), domain_.value, PROT_READ, 1, &number, &error);
  if (at == nullptr) {
    lacked_room_ = errno == ENOMEM;
    return nullptr;
  }
  if (error != 0) {
    xenforeignmemory_unmap(handle_.get(), at, 1);
    return nullptr;
  }
  try {
    frames_.emplace(frame.value, Mapped{static_cast<const std::byte*>(at), turn_});
  } catch (const std::bad_alloc&) {
    lacked_room_ = true;
    xenforeignmemory_unmap(handle_.get(), at, 1);
    return nullptr;
  }
  return static_cast<const std::byte*>(at);
}

// Once a turn: what is left then is in use, as is what comes after.
bool FrameCache::has_room() noexcept {
  const std::size_t most = share_.size();
  if (frames_.size() >= most && std::exchange(may_let_go_, false)) let_go_unused();
  return frames_.size() < most;
}

void FrameCache::let_go_unused() noexcept {
  std::erase_if(frames_, [&](const auto& entry) {
    if (entry.second.last_used == turn_) return false;
    xenforeignmemory_unmap(handle_.get(), const_cast<std::byte*>(entry.second.at), 1);
    return true;
  });
}

void FrameCache::turn(bool old) noexcept {
  if (old || frames_.size() > share_.size()) let_go_unused();
  ++turn_;
  may_let_go_ = true;
}

}  // namespace vmitap::backend::xen
