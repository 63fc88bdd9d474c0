// SPDX-License-Identifier: MIT
#include "sink/input_stream.hpp"

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace vmitap::sink {
namespace {

constexpr std::size_t kStep = std::size_t{256} << 10;

}  // namespace

Result<InputStream> InputStream::open(const std::string& path) {
  if (path == "-") return InputStream("standard input", Fd(), STDIN_FILENO);
  Fd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY));
  if (!fd) return fail({.code = Errc::io, .operation = "opening for reading", .subject = path, .sys = errno});
  const int raw = fd.get();
  return InputStream(path, std::move(fd), raw);
}

Result<std::span<const std::byte>> InputStream::peek(std::size_t size) {
  while (end_ - start_ < size && !ended_) {
    if (start_ > 0) {
      std::memmove(buffer_.data(), buffer_.data() + start_, end_ - start_);
      end_ -= start_;
      start_ = 0;
    }
    if (buffer_.size() - end_ < kStep) buffer_.resize(std::max(end_ + kStep, end_ * 2));
    const ssize_t got = ::read(fd_, buffer_.data() + end_, buffer_.size() - end_);
    if (got > 0) {
      end_ += static_cast<std::size_t>(got);
    } else if (got == 0) {
      ended_ = true;
    } else if (errno == EAGAIN) {
      pollfd ready{.fd = fd_, .events = POLLIN, .revents = 0};
      ::poll(&ready, 1, -1);
    } else if (errno != EINTR) {
      return fail({.code = Errc::io, .operation = "reading", .subject = path_, .sys = errno});
    }
  }
  return std::span<const std::byte>(buffer_).subspan(start_, std::min(size, end_ - start_));
}

void InputStream::consume(std::size_t size) {
  size = std::min(size, end_ - start_);
  start_ += size;
  offset_ += size;
}

Result<std::uint64_t> InputStream::skip(std::uint64_t size,
                                        const std::function<void(std::span<const std::byte>)>& each) {
  std::uint64_t skipped = 0;
  while (skipped < size) {
    const auto part = peek(static_cast<std::size_t>(std::min<std::uint64_t>(size - skipped, kStep)));
    if (!part) return tl::unexpected(part.error());
    if (part->empty()) break;
    if (each) each(*part);
    skipped += part->size();
    consume(part->size());
  }
  return skipped;
}

}  // namespace vmitap::sink
