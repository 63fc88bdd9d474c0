// SPDX-License-Identifier: MIT
#include "backend/local/memory_reader.hpp"

#include <poll.h>

#include <algorithm>
#include <bit>
#include <cerrno>

#include "backend/local/proc.hpp"

namespace vmitap::backend::local {
namespace {

void* remote_pointer(GuestVirt address) { return std::bit_cast<void*>(address.value); }

}  // namespace

bool MemoryReader::process_lives() const noexcept {
  pollfd end{.fd = pidfd_, .events = POLLIN, .revents = 0};
  return ::poll(&end, 1, 0) == 0;
}

ssize_t MemoryReader::copy(std::size_t count) noexcept {
  const auto try_copy = [&] {
    return ::process_vm_readv(target_, local_.data(), count, remote_.data(), count, 0);
  };
  const ssize_t copied = try_copy();
  if (copied >= 0 || errno != ESRCH || !process_lives()) return copied;
  target_ = living_thread(pid_);  // the one we read through ended before its process
  return try_copy();
}

// Handles requests from the front, at least one; returns how many.
std::size_t MemoryReader::read_batch(std::span<ReadRequest> requests) noexcept {
  std::size_t count = 0;
  std::size_t bytes = 0;
  while (count < requests.size() && count < kBatch) {
    const ReadRequest& request = requests[count];
    if (request.into.size() > kBatchBytes - bytes) break;
    local_[count] = {request.into.data(), request.into.size()};
    remote_[count] = {remote_pointer(request.from), request.into.size()};
    bytes += request.into.size();
    ++count;
  }
  if (count == 0) {
    requests[0].status = read_large(requests[0]);
    return 1;
  }

  // The kernel copies in order and ends at the first byte it cannot read, perhaps inside a request.
  const ssize_t result = bytes == 0 ? 0 : copy(count);
  auto copied = static_cast<std::size_t>(std::max<ssize_t>(result, 0));
  std::size_t done = 0;
  while (done < count && requests[done].into.size() <= copied) {
    copied -= requests[done].into.size();
    requests[done++].status = ReadStatus::ok;
  }
  if (done < count) requests[done++].status = ReadStatus::unreadable;
  return done;
}

ReadStatus MemoryReader::read_large(const ReadRequest& request) noexcept {
  for (std::size_t offset = 0; offset < request.into.size(); offset += kBatchBytes) {
    const std::size_t size = std::min(kBatchBytes, request.into.size() - offset);
    local_[0] = {request.into.data() + offset, size};
    remote_[0] = {remote_pointer(request.from + static_cast<std::int64_t>(offset)), size};
    if (copy(1) != static_cast<ssize_t>(size)) return ReadStatus::unreadable;
  }
  return ReadStatus::ok;
}

void MemoryReader::read(std::span<ReadRequest> requests) noexcept {
  for (auto rest = requests; !rest.empty();) rest = rest.subspan(read_batch(rest));
  // Had the process gone, its PID might be another's by now, and so the bytes.
  if (!process_lives()) {
    for (ReadRequest& request : requests) request.status = ReadStatus::unreadable;
  }
}

}  // namespace vmitap::backend::local
