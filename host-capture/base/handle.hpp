// SPDX-License-Identifier: MIT
// Move-only owners of system resources.
#pragma once

#include <sys/mman.h>
#include <unistd.h>

#include <cstddef>
#include <span>
#include <utility>

namespace vmitap {

// A file descriptor; closed once.
class Fd {
 public:
  Fd() = default;
  explicit Fd(int fd) noexcept : fd_(fd) {}
  Fd(Fd&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Fd& operator=(Fd&& other) noexcept {
    if (this != &other) reset(std::exchange(other.fd_, -1));
    return *this;
  }
  ~Fd() { reset(); }

  [[nodiscard]] int get() const noexcept { return fd_; }
  [[nodiscard]] int release() noexcept { return std::exchange(fd_, -1); }
  explicit operator bool() const noexcept { return fd_ >= 0; }
  void reset(int fd = -1) noexcept {
    if (fd_ >= 0) ::close(fd_);
    fd_ = fd;
  }

 private:
  int fd_ = -1;
};

// A memory mapping made with mmap; unmapped once.
class Mapping {
 public:
  Mapping() = default;
  Mapping(void* start, std::size_t size) noexcept : start_(static_cast<std::byte*>(start)), size_(size) {}
  Mapping(Mapping&& other) noexcept
      : start_(std::exchange(other.start_, nullptr)), size_(std::exchange(other.size_, 0)) {}
  Mapping& operator=(Mapping&& other) noexcept {
    if (this != &other) {
      reset();
      start_ = std::exchange(other.start_, nullptr);
      size_ = std::exchange(other.size_, 0);
    }
    return *this;
  }
  ~Mapping() { reset(); }

  [[nodiscard]] std::span<std::byte> bytes() const noexcept { return {start_, size_}; }
  explicit operator bool() const noexcept { return start_ != nullptr; }
  void reset() noexcept {
    if (start_ != nullptr) ::munmap(start_, size_);
    start_ = nullptr;
    size_ = 0;
  }

 private:
  std::byte* start_ = nullptr;
  std::size_t size_ = 0;
};

}  // namespace vmitap
