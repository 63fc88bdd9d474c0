// SPDX-License-Identifier: MIT
// Copies memory of another process: process_vm_readv(2) in batches.
#pragma once

#include <sys/types.h>
#include <sys/uio.h>

#include <array>
#include <cstddef>
#include <span>

#include "backend/guest.hpp"

namespace vmitap::backend::local {

// One thread. Allocates nothing.
class MemoryReader {
 public:
  // `pidfd` refers to the process and outlives the reader.
  MemoryReader(pid_t pid, int pidfd) noexcept : pid_(pid), target_(pid), pidfd_(pidfd) {}

  // Each request is filled whole and ok, or unreadable (its bytes then mean nothing).
  void read(std::span<ReadRequest> requests) noexcept;

 private:
  static constexpr std::size_t kBatch = 1024;  // IOV_MAX
  // Far below what one call may move (2^31 - 4096, see read(2)), so that no batch is cut short.
  static constexpr std::size_t kBatchBytes = 1u << 30;

  std::size_t read_batch(std::span<ReadRequest> requests) noexcept;
  ReadStatus read_large(const ReadRequest& request) noexcept;
  ssize_t copy(std::size_t count) noexcept;
  bool process_lives() const noexcept;

  pid_t pid_;
  pid_t target_;  // a thread of the process that still has its memory
  int pidfd_;
  std::array<iovec, kBatch> local_;
  std::array<iovec, kBatch> remote_;
};

}  // namespace vmitap::backend::local
