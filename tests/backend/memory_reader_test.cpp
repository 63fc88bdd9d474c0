// SPDX-License-Identifier: MIT
#include "backend/local/memory_reader.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <memory>
#include <string>
#include <vector>

#include "backend/local/proc.hpp"
#include "subject.hpp"

namespace vmitap::backend::local {
namespace {

using test::eventually;
using test::Subject;

constexpr std::size_t kPage = 4096;

class ReadsMemory : public ::testing::Test {
 protected:
  ReadStatus read(GuestVirt from, std::span<std::byte> into) {
    ReadRequest request{.from = from, .into = into};
    reader_->read(std::span(&request, 1));
    return request.status;
  }
  [[nodiscard]] GuestVirt hole() const {
    return {subject_.page().hole};
  }  // a page that is not there between two that are

  Subject subject_{"threads"};
  std::unique_ptr<MemoryReader> reader_ = std::make_unique<MemoryReader>(subject_.pid(), subject_.pidfd());
  std::vector<std::byte> bytes_ = std::vector<std::byte>(2 * kPage);
};

TEST_F(ReadsMemory, OfAnotherProcess) {
  const std::string known = "known to both";
  ASSERT_EQ(read({subject_.page().known}, std::span(bytes_).first(known.size())), ReadStatus::ok);
  EXPECT_EQ(std::memcmp(bytes_.data(), known.data(), known.size()), 0);
}

TEST_F(ReadsMemory, UpToTheLastByteBeforeAHole) {
  EXPECT_EQ(read(hole() + -8, std::span(bytes_).first(8)), ReadStatus::ok);
  EXPECT_EQ(bytes_[7], std::byte{'a'});
  EXPECT_EQ(read(hole() + kPage, std::span(bytes_).first(8)), ReadStatus::ok);
}

TEST_F(ReadsMemory, ButNoByteOfAHole) {
  EXPECT_EQ(read(hole(), std::span(bytes_).first(1)), ReadStatus::unreadable);
  EXPECT_EQ(read(hole() + (kPage - 1), std::span(bytes_).first(1)), ReadStatus::unreadable);
  EXPECT_EQ(read(hole() + -1, std::span(bytes_).first(2)), ReadStatus::unreadable);
  EXPECT_EQ(read(hole() + -static_cast<std::int64_t>(kPage), std::span(bytes_)), ReadStatus::unreadable);
}

TEST_F(ReadsMemory, ButNotAtAddressesThatAreNone) {
  for (const std::uint64_t address :
       {std::uint64_t{0}, std::uint64_t{8}, std::uint64_t{0x7fffffffffff}, std::uint64_t{0x8000000000000000},
        ~std::uint64_t{0}, ~std::uint64_t{0} - 7}) {
    EXPECT_EQ(read({address}, std::span(bytes_).first(8)), ReadStatus::unreadable) << std::hex << address;
  }
}

TEST_F(ReadsMemory, OfNoBytesAnywhere) {
  EXPECT_EQ(read({0}, {}), ReadStatus::ok);
  EXPECT_EQ(read({subject_.page().known}, {}), ReadStatus::ok);
  reader_->read({});
}

TEST_F(ReadsMemory, EachRequestOfThousandsForItself) {
  // Good ones, bad ones, ones that begin well and end in the hole, and empty ones, in every order.
  constexpr std::size_t kRequests = 5000;
  constexpr std::size_t kSize = 16;
  std::vector<std::byte> arena(kRequests * kSize, std::byte{'?'});
  std::vector<ReadRequest> requests;
  std::vector<ReadStatus> expected;
  std::uint32_t random = 1;
  for (std::size_t i = 0; i < kRequests; ++i) {
    random = random * 1664525 + 1013904223;
    const auto into = std::span(arena).subspan(i * kSize, kSize);
    switch (random >> 29) {
      case 0:
        requests.push_back({.from = {0}, .into = into});
        break;
      case 1:
        requests.push_back({.from = hole() + -8, .into = into});
        break;
      case 2:
        requests.push_back({.from = hole(), .into = into.first(0)});
        break;
      default:
        requests.push_back({.from = hole() + -64, .into = into});
        break;
    }
    const bool good = (random >> 29) >= 2;
    expected.push_back(good ? ReadStatus::ok : ReadStatus::unreadable);
    requests.back().status = good ? ReadStatus::unreadable : ReadStatus::ok;  // must be overwritten
  }
  reader_->read(requests);
  for (std::size_t i = 0; i < kRequests; ++i) {
    ASSERT_EQ(requests[i].status, expected[i]) << i;
    if (expected[i] != ReadStatus::ok) continue;
    EXPECT_TRUE(std::all_of(requests[i].into.begin(), requests[i].into.end(),
                            [](std::byte b) { return b == std::byte{'a'}; }));
  }
}

TEST_F(ReadsMemory, MuchAtOnce) {
  std::vector<std::byte> large(64 << 20);
  EXPECT_EQ(read(hole(), large), ReadStatus::unreadable);
  std::vector<ReadRequest> requests(3000, {.from = hole() + -2048, .into = std::span(bytes_).first(2048)});
  reader_->read(requests);
  for (const ReadRequest& request : requests) EXPECT_EQ(request.status, ReadStatus::ok);
}

TEST_F(ReadsMemory, NotOfAProcessThatHasGone) {
  const GuestVirt known{subject_.page().known};
  subject_.child().signal(SIGKILL);
  ASSERT_TRUE(eventually([&] { return zombie_status(subject_.pid()).has_value(); }));
  EXPECT_EQ(read(known, std::span(bytes_).first(4)), ReadStatus::unreadable);
  subject_.child().wait();
  EXPECT_EQ(read(known, std::span(bytes_).first(4)), ReadStatus::unreadable);
}

TEST(MemoryReader, ReadsAProcessWhoseFirstThreadEnded) {
  const Subject subject("leaderless", 2);
  ASSERT_TRUE(eventually([&] { return process_status(subject.pid())->state == 'Z'; }));
  const auto reader = std::make_unique<MemoryReader>(subject.pid(), subject.pidfd());
  char known[5] = {};
  ReadRequest request{.from = {subject.page().known}, .into = std::as_writable_bytes(std::span(known))};
  reader->read(std::span(&request, 1));
  EXPECT_EQ(request.status, ReadStatus::ok);
  EXPECT_EQ(std::string_view(known, 5), "known");
}

}  // namespace
}  // namespace vmitap::backend::local
