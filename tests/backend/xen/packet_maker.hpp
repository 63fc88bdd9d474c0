// SPDX-License-Identifier: MIT
// Frames, put together byte by byte.
#pragma once

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <span>
#include <vector>

namespace vmitap::backend::xen::test {

class FrameMaker {
 public:
  FrameMaker& bytes(std::initializer_list<int> values) {
    for (const int value : values) bytes_.push_back(static_cast<std::byte>(value));
    return *this;
  }
  FrameMaker& u16(unsigned value) {
    return bytes({static_cast<int>(value >> 8), static_cast<int>(value & 0xff)});
  }
  FrameMaker& u32(std::uint32_t value) { return u16(value >> 16).u16(value & 0xffff); }
  FrameMaker& zeroes(std::size_t count) {
    bytes_.resize(bytes_.size() + count);
    return *this;
  }

  FrameMaker& ethernet(unsigned type) { return bytes({2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2}).u16(type); }
  FrameMaker& tag(unsigned control, unsigned type) { return u16(control).u16(type); }
  // `options` in words of four bytes; `behind` bytes follow the header.
  FrameMaker& ipv4(int protocol, unsigned behind, unsigned fragment = 0, int options = 0) {
    const int words = 5 + options;
    bytes({0x40 | words, 0x1c}).u16(static_cast<unsigned>(words * 4) + behind).u16(0x1234).u16(fragment);
    bytes({61, protocol}).u16(0).bytes({10, 0, 1, 2, 10, 0, 1, 1});
    return zeroes(static_cast<std::size_t>(options) * 4);
  }
  FrameMaker& ipv6(int next, unsigned behind) {
    u32(0x6ab00000).u16(behind).bytes({next, 62});
    for (const int last : {1, 2}) bytes({0xfd, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, last});
    return *this;
  }
  FrameMaker& tcp(int options = 0) {
    const unsigned words = 5 + static_cast<unsigned>(options);
    u16(40000).u16(80).u32(0x01020304).u32(0xa0b0c0d0).u16(words << 12 | 0x118).u16(502).u32(0);
    return zeroes(static_cast<std::size_t>(options) * 4);
  }
  FrameMaker& udp(unsigned payload) { return u16(5353).u16(53).u16(8 + payload).u16(0); }

  [[nodiscard]] std::span<const std::byte> frame() const { return bytes_; }

 private:
  std::vector<std::byte> bytes_;
};

}  // namespace vmitap::backend::xen::test
