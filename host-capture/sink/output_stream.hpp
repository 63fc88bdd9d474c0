// SPDX-License-Identifier: MIT
// Bytes on their way out, to a file, a pipe or a terminal. One thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "base/handle.hpp"
#include "base/result.hpp"

namespace vmitap::sink {

// After an error it stays in error: nothing more is written, so that what stands before it is whole.
class OutputStream {
 public:
  // "-" is standard output, which stays open afterwards. A regular file is made with mode 0644 less the
  // umask, or emptied; that happens last, and only if no other capture is writing to it (flock(2)).
  // Errc::io, Errc::access_denied.
  static Result<OutputStream> open(const std::string& path);

  // Writes all of it: what is short, interrupted or would block goes on. A broken pipe is an error
  // (EPIPE) and no signal. Errc::io with errno.
  Result<void> write(std::span<const std::byte> bytes);
  Result<void> write(std::string_view text);
  // Errors that the system held back until now (NFS, quotas).
  Result<void> close();

  // Puts the stream in error for a reason of its user's; returns it.
  Result<void> latch(Error error);

  [[nodiscard]] std::uint64_t bytes_written() const noexcept { return written_; }
  [[nodiscard]] bool is_terminal() const noexcept { return is_terminal_; }
  [[nodiscard]] const std::optional<Error>& error() const noexcept { return error_; }

 private:
  OutputStream(std::string path, Fd owned, int fd);
  Result<void> failed(const char* operation, int sys);

  std::string path_;
  Fd owned_;  // empty for standard output
  int fd_;
  bool is_terminal_ = false;
  std::uint64_t written_ = 0;
  std::optional<Error> error_;
};

}  // namespace vmitap::sink
