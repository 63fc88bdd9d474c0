// SPDX-License-Identifier: MIT
// What a cache of frames does when there is no room, with a library of Xen's that this test is itself: the
// frames of its domain are pages of this process.
#include "backend/xen/memory.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <set>
#include <vector>

namespace {

constexpr std::size_t kPages = 2048;  // of the domain, from frame 0

struct Domain {
  std::size_t mapped = 0;
  std::size_t room = SIZE_MAX;  // of Linux
  std::set<std::uint64_t> holes;
  // Frame 0 is the root of its page tables; frames 1 to 3 lead to those from 4, which lead to the pages.
  std::vector<std::array<std::uint64_t, 512>> frames{kPages + 16};
} domain;

}  // namespace

// NOLINTBEGIN: as Xen declares them
extern "C" {
xenforeignmemory_handle* xenforeignmemory_open(xentoollog_logger*, unsigned) {
  return reinterpret_cast<xenforeignmemory_handle*>(&domain);
}
int xenforeignmemory_close(xenforeignmemory_handle*) { return 0; }
void* xenforeignmemory_map(xenforeignmemory_handle*, std::uint32_t, int, std::size_t, const xen_pfn_t* frame,
                           int* error) {
  if (domain.mapped >= domain.room) {
    errno = ENOMEM;
    return nullptr;
  }
  ++domain.mapped;
  *error = domain.holes.contains(*frame) || *frame >= domain.frames.size() ? -EINVAL : 0;
  return domain.frames[*error == 0 ? *frame : 0].data();
}
int xenforeignmemory_unmap(xenforeignmemory_handle*, void*, std::size_t) {
  --domain.mapped;
  return 0;
}
}
// NOLINTEND

namespace vmitap::backend::xen {
namespace {

constexpr std::uint64_t kFirst = 8;  // frame of the page at address 0

struct MemoryTest : testing::Test {
  void SetUp() override {
    domain = {};
    domain.frames[0][0] = 1 * kPageSize | pte::kPresent;
    domain.frames[1][0] = 2 * kPageSize | pte::kPresent;
    for (std::size_t table = 0; table < 4; ++table) {
      domain.frames[2][table] = (3 + table) * kPageSize | pte::kPresent;
      for (std::size_t i = 0; i < 512; ++i)
        domain.frames[3 + table][i] = (kFirst + table * 512 + i) * kPageSize | pte::kPresent;
    }
    for (std::size_t page = 0; page < kPages; ++page) domain.frames[kFirst + page].fill(page);
  }
  Memory memory() {
    return {*FrameCache::open(DomId{1}, MappingShare::of_image()), AddressSpace{.root = {0}, .levels = 4}};
  }
  // One word of each of these pages.
  std::vector<ReadRequest> pages(std::size_t from, std::size_t count) {
    words.assign(count, SIZE_MAX);
    std::vector<ReadRequest> requests;
    for (std::size_t i = 0; i < count; ++i)
      requests.push_back(
          {.from = {(from + i) * kPageSize}, .into = std::as_writable_bytes(std::span(&words[i], 1))});
    return requests;
  }
  static std::size_t count(const std::vector<ReadRequest>& requests, ReadStatus status) {
    return static_cast<std::size_t>(
        std::ranges::count(requests, status, [](const auto& each) { return each.status; }));
  }
  std::vector<std::uint64_t> words;
};

TEST_F(MemoryTest, MapsItsShareAndSaysOfTheRestThatThereWasNoRoom) {
  Memory memory = this->memory();
  auto requests = pages(0, 512);
  memory.read(requests);
  EXPECT_EQ(domain.mapped, kImageFrames);
  EXPECT_EQ(count(requests, ReadStatus::ok), kImageFrames - 4) << "4 are tables";
  EXPECT_EQ(count(requests, ReadStatus::no_room), 512 - (kImageFrames - 4));
  for (std::size_t i = 0; i < kImageFrames - 4; ++i) ASSERT_EQ(words[i], i);
}

TEST_F(MemoryTest, MakesRoomOfWhatIsNotNeededAnyMore) {
  Memory memory = this->memory();
  for (std::size_t from = 0; from < 2000; from += 200) {
    auto requests = pages(from, 200);
    memory.read(requests);
    EXPECT_EQ(count(requests, ReadStatus::ok), 200u) << from;
    EXPECT_EQ(words.back(), from + 199);
    EXPECT_LE(domain.mapped, kImageFrames);
  }
}

TEST_F(MemoryTest, LetsNothingGoInAPause) {
  Memory memory = this->memory();
  auto before = pages(0, 300);
  memory.read(before);
  memory.rehearse();
  auto few = pages(0, 1);
  memory.read_aside(few);
  memory.start_pause();
  auto others = pages(1000, 100);  // pointers have changed since the rehearsal
  memory.read_in_pause(others);
  EXPECT_EQ(domain.mapped, kImageFrames);
  EXPECT_EQ(count(others, ReadStatus::ok) + count(others, ReadStatus::no_room), 100u);
  EXPECT_GT(count(others, ReadStatus::no_room), 0u);
  memory.read(others);
  EXPECT_EQ(count(others, ReadStatus::ok), 100u) << "after it there is room again";
}

TEST_F(MemoryTest, TellsAHostWithoutMemoryFromADomainWithout) {
  Memory memory = this->memory();
  domain.holes.insert(kFirst + 1);
  domain.room = 5;
  auto requests = pages(0, 3);
  requests.push_back({.from = {std::uint64_t{1} << 60}, .into = requests[0].into});
  requests[0].into = {};
  std::swap(requests[0], requests[3]);  // what has no address at all, then the hole, then what lacks room
  requests.pop_back();
  memory.read(requests);
  EXPECT_EQ(requests[0].status, ReadStatus::unreadable);
  EXPECT_EQ(requests[1].status, ReadStatus::unreadable);
  EXPECT_EQ(requests[2].status, ReadStatus::ok);
  auto more = pages(0, 4);
  memory.read(more);
  EXPECT_EQ(more[0].status, ReadStatus::no_room);
  EXPECT_EQ(more[2].status, ReadStatus::ok) << "as it is mapped already";
  EXPECT_EQ(more[3].status, ReadStatus::no_room);
}

TEST_F(MemoryTest, KeepsNothingOfWhatIsReadOnce) {
  Memory memory = this->memory();
  std::vector<std::byte> image(kPages * kPageSize);
  std::vector<ReadRequest> pieces;
  for (std::size_t at = 0; at < image.size(); at += 1 << 20)
    pieces.push_back({.from = {at}, .into = std::span(image).subspan(at, 1 << 20)});
  memory.read_once(pieces);
  EXPECT_EQ(count(pieces, ReadStatus::ok), pieces.size());
  EXPECT_EQ(std::memcmp(image.data(), domain.frames[kFirst].data(), image.size()), 0);
  EXPECT_EQ(domain.mapped, 0u);
}

}  // namespace
}  // namespace vmitap::backend::xen
