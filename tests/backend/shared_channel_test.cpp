// SPDX-License-Identifier: MIT
#include "backend/local/shared_channel.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cstring>

namespace vmitap::backend::local {
namespace {

constexpr int kSeals = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL;
constexpr std::size_t kGuestSize = 4 * VMITAP_PAGE_SIZE;
constexpr std::size_t kHostSize = 2 * VMITAP_PAGE_SIZE;

vmitap_guest_header a_header() {
  vmitap_guest_header header{};
  header.magic = VMITAP_RING_MAGIC;
  header.abi_version = VMITAP_RING_ABI_VERSION;
  header.ring_count = 2;
  header.clock = VMITAP_CLOCK_MONOTONIC;
  header.region_size = kGuestSize;
  return header;
}

Fd memory(std::size_t size, int seals, const vmitap_guest_header* header = nullptr) {
  Fd fd(::memfd_create("test", MFD_CLOEXEC | MFD_ALLOW_SEALING));
  EXPECT_EQ(::ftruncate(fd.get(), static_cast<off_t>(size)), 0);
  if (header != nullptr) {
    EXPECT_EQ(::pwrite(fd.get(), header, sizeof *header, 0), static_cast<ssize_t>(sizeof *header));
  }
  if (seals != 0) {
    EXPECT_EQ(::fcntl(fd.get(), F_ADD_SEALS, seals), 0);
  }
  return fd;
}

struct Offer {
  vmitap_guest_header header = a_header();
  std::size_t guest_size = kGuestSize;
  std::size_t host_size = kHostSize;
  int guest_seals = kSeals;
  int host_seals = kSeals;
};

std::vector<Fd> descriptors(const Offer& offer = {}) {
  std::vector<Fd> made;
  made.push_back(memory(offer.guest_size, offer.guest_seals, &offer.header));
  made.push_back(memory(offer.host_size, offer.host_seals));
  made.emplace_back(::eventfd(0, EFD_CLOEXEC));
  return made;
}

void refused(std::vector<Fd> offered, Errc code = Errc::protocol) {
  const auto channel = SharedChannel::open(std::move(offered));
  ASSERT_FALSE(channel.has_value());
  EXPECT_EQ(channel.error().code, code);
}

TEST(SharedChannel, MapsWhatTheGuestLends) {
  auto offered = descriptors();
  const int guest = ::dup(offered[0].get());
  const int host = ::dup(offered[1].get());
  const auto channel = SharedChannel::open(std::move(offered));
  ASSERT_TRUE(channel.has_value()) << channel.error().subject;
  EXPECT_EQ(channel->channel().guest_region.size(), kGuestSize);
  EXPECT_EQ(channel->channel().host_region.size(), kHostSize);
  EXPECT_EQ(channel->clock(), VMITAP_CLOCK_MONOTONIC);
  const char byte = 'g';
  ASSERT_EQ(::pwrite(guest, &byte, 1, 5000), 1);
  EXPECT_EQ(channel->channel().guest_region[5000], std::byte{'g'});
  channel->channel().host_region[100] = std::byte{'h'};
  char seen = 0;
  ASSERT_EQ(::pread(host, &seen, 1, 100), 1);
  EXPECT_EQ(seen, 'h');
  ::close(guest);
  ::close(host);
}

TEST(SharedChannel, RefusesMemoryThatCouldBeTakenAway) {
  refused(descriptors({.guest_seals = 0}));
  refused(descriptors({.host_seals = 0}));
  refused(descriptors({.guest_seals = F_SEAL_GROW}));
  auto file = descriptors();
  char name[] = "/tmp/vmitap-test-XXXXXX";
  file[0].reset(::mkstemp(name));
  ::unlink(name);
  ASSERT_EQ(::ftruncate(file[0].get(), kGuestSize), 0);
  refused(std::move(file));
}

TEST(SharedChannel, RefusesOtherDescriptorsThanItAskedFor) {
  refused({});
  auto fewer = descriptors();
  fewer.pop_back();
  refused(std::move(fewer));
  auto more = descriptors();
  more.emplace_back(::eventfd(0, EFD_CLOEXEC));
  refused(std::move(more));
  auto no_doorbell = descriptors();
  no_doorbell[2].reset(::open("/dev/null", O_RDONLY | O_CLOEXEC));
  refused(std::move(no_doorbell));
  auto swapped = descriptors();
  std::swap(swapped[0], swapped[2]);
  refused(std::move(swapped));
  auto closed = descriptors();
  closed[0].reset();
  refused(std::move(closed));
}

TEST(SharedChannel, RefusesSizesAndHeadersThatDoNotFit) {
  refused(descriptors({.guest_size = 0}));
  refused(descriptors({.guest_size = kGuestSize - 1}));
  refused(descriptors({.guest_size = kGuestSize * 2}));
  refused(descriptors({.guest_size = std::size_t{1} << 40}));
  refused(descriptors({.host_size = VMITAP_PAGE_SIZE}));
  Offer offer;
  offer.header.magic = 0;
  refused(descriptors(offer));
  offer = {};
  offer.header.abi_version = 2;
  refused(descriptors(offer), Errc::abi_mismatch);
  offer = {};
  offer.header.ring_count =
      VMITAP_PAGE_SIZE / sizeof(vmitap_ring_control) + 1;  // one more than the host region takes
  refused(descriptors(offer));
  offer.header.ring_count = ~0u;
  refused(descriptors(offer));
}

TEST(SharedChannel, ClearingTheDoorbellNeverWaits) {
  // This eventfd is a blocking one, as a guest may make it at any time.
  auto offered = descriptors();
  const int bell = ::dup(offered[2].get());
  auto channel = SharedChannel::open(std::move(offered));
  ASSERT_TRUE(channel.has_value());
  channel->clear_doorbell();
  ASSERT_EQ(::eventfd_write(bell, 3), 0);
  pollfd rung{.fd = channel->doorbell(), .events = POLLIN, .revents = 0};
  EXPECT_EQ(::poll(&rung, 1, 0), 1);
  channel->clear_doorbell();
  EXPECT_EQ(::poll(&rung, 1, 0), 0);
  channel->clear_doorbell();
  ::close(bell);
}

TEST(SharedChannel, WakingARingThatIsNoneDoesNothing) {
  auto channel = SharedChannel::open(descriptors());
  ASSERT_TRUE(channel.has_value());
  channel->wake({0});
  channel->wake({VMITAP_RING_COUNT_MAX});
  channel->wake({~0u});
}

}  // namespace
}  // namespace vmitap::backend::local
