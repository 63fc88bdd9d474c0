// SPDX-License-Identifier: MIT
// Bytes on their way in, from a file or a pipe, front to back. One thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "base/handle.hpp"
#include "base/result.hpp"

namespace vmitap::sink {

class InputStream {
 public:
  // "-" is standard input. Errc::io.
  static Result<InputStream> open(const std::string& path);

  // The next `size` bytes, or as many as are left, without going on. Valid until the next call. Memory
  // grows with what is really there, whatever `size` a file claims. Errc::io.
  Result<std::span<const std::byte>> peek(std::size_t size);
  // Goes on past what peek() has shown.
  void consume(std::size_t size);
  // Skips up to `size` bytes and tells how many there were; `each`, if set, sees them. Errc::io.
  Result<std::uint64_t> skip(std::uint64_t size, const std::function<void(std::span<const std::byte>)>& each);

  [[nodiscard]] std::uint64_t offset() const noexcept { return offset_; }
  [[nodiscard]] const std::string& path() const noexcept { return path_; }

 private:
  InputStream(std::string path, Fd owned, int fd)
      : path_(std::move(path)), owned_(std::move(owned)), fd_(fd) {}

  std::string path_;
  Fd owned_;  // empty for standard input
  int fd_;
  std::vector<std::byte> buffer_;
  std::size_t start_ = 0;  // of what was read and not consumed
  std::size_t end_ = 0;
  bool ended_ = false;
  std::uint64_t offset_ = 0;  // in the file, of start_
};

}  // namespace vmitap::sink
