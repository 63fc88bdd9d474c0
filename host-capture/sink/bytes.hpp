// SPDX-License-Identifier: MIT
// Little-endian integers and length-prefixed strings, as MCAP serializes them
// (https://mcap.dev/spec#serialization), written to and read from memory.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <string_view>

namespace vmitap::sink {

static_assert(std::endian::native == std::endian::little);

inline std::span<const std::byte> bytes_of(std::string_view text) { return std::as_bytes(std::span(text)); }

class ByteWriter {
 public:
  template <class Int>
  void number(Int value) {
    text_.append(reinterpret_cast<const char*>(&value), sizeof value);
  }
  void raw(std::span<const std::byte> bytes) {
    text_.append(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  }
  void raw(std::string_view text) { text_.append(text); }
  void string(std::string_view text) {
    number(static_cast<std::uint32_t>(text.size()));
    text_.append(text);
  }

  void clear() noexcept { text_.clear(); }
  [[nodiscard]] bool empty() const noexcept { return text_.empty(); }
  [[nodiscard]] std::size_t size() const noexcept { return text_.size(); }
  [[nodiscard]] std::span<const std::byte> bytes() const noexcept { return bytes_of(text_); }
  // Overwrites a number written before.
  template <class Int>
  void patch(std::size_t at, Int value) {
    std::memcpy(text_.data() + at, &value, sizeof value);
  }

 private:
  std::string text_;
};

// Once something does not fit, ok() is false and all that follows is zero or empty.
class ByteReader {
 public:
  explicit ByteReader(std::span<const std::byte> bytes) : left_(bytes) {}

  template <class Int>
  Int number() {
    Int value{};
    const auto from = raw(sizeof value);
    if (!from.empty()) std::memcpy(&value, from.data(), sizeof value);
    return value;
  }
  std::span<const std::byte> raw(std::uint64_t size) {
    if (!ok_ || size > left_.size()) {
      ok_ = false;
      return {};
    }
    const auto bytes = left_.first(static_cast<std::size_t>(size));
    left_ = left_.subspan(bytes.size());
    return bytes;
  }
  std::string_view string() {
    const auto bytes = raw(number<std::uint32_t>());
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
  }

  [[nodiscard]] bool ok() const noexcept { return ok_; }
  [[nodiscard]] bool empty() const noexcept { return left_.empty(); }
  [[nodiscard]] std::span<const std::byte> rest() const noexcept { return left_; }

 private:
  std::span<const std::byte> left_;
  bool ok_ = true;
};

}  // namespace vmitap::sink
