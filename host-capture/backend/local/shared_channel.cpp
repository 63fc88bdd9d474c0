// SPDX-License-Identifier: MIT
#include "backend/local/shared_channel.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <linux/futex.h>
#include <linux/magic.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <cerrno>
#include <climits>
#include <cstddef>
#include <cstring>

#include "backend/local/proc.hpp"

namespace vmitap::backend::local {
namespace {

// The largest that ring_abi.h allows is 4096 rings of 4 MiB; this is 128 times what a guest offers unasked.
constexpr std::size_t kRegionMax = std::size_t{1} << 30;

auto broken(const char* rule) { return fail({.code = Errc::protocol, .subject = rule}); }

Result<Mapping> map_region(const Fd& fd, int protection, std::size_t least) {
  const int seals = ::fcntl(fd.get(), F_GET_SEALS);
  if (seals < 0 || (seals & F_SEAL_SHRINK) == 0)
    return broken("shared memory is not sealed against shrinking");
  // Huge pages may run out at the first touch, which is a SIGBUS too.
  struct statfs file_system {};
  if (::fstatfs(fd.get(), &file_system) != 0 || file_system.f_type != TMPFS_MAGIC) {
    return broken("shared memory is not of ordinary pages");
  }
  struct stat file {};
  if (::fstat(fd.get(), &file) != 0 || file.st_size < 0) return broken("shared memory has no size");
  const auto size = static_cast<std::size_t>(file.st_size);
  if (size < least || size > kRegionMax || size % VMITAP_PAGE_SIZE != 0)
    return broken("shared memory has a wrong size");
  void* start = ::mmap(nullptr, size, protection, MAP_SHARED, fd.get(), 0);
  if (start == MAP_FAILED) {
    return fail(
        {.code = Errc::system, .operation = "mmap", .subject = "shared memory of the guest", .sys = errno});
  }
  return Mapping(start, size);
}

}  // namespace

Result<SharedChannel> SharedChannel::open(std::vector<Fd> descriptors) {
  if (descriptors.size() != 3) return broken("ATTACHED did not bring three descriptors");
  if (read_link(fmt::format("/proc/self/fd/{}", descriptors[2].get())) != "anon_inode:[eventfd]") {
    return broken("the doorbell is no eventfd");
  }
  auto guest = map_region(descriptors[0], PROT_READ, VMITAP_PAGE_SIZE);
  if (!guest) return fail(std::move(guest.error()));
  auto host =
      map_region(descriptors[1], PROT_READ | PROT_WRITE, VMITAP_PAGE_SIZE + sizeof(vmitap_ring_control));
  if (!host) return fail(std::move(host.error()));

  vmitap_guest_header header;
  std::memcpy(&header, guest->bytes().data(), sizeof header);
  if (header.magic != VMITAP_RING_MAGIC) return broken("the guest region has no magic number");
  if (header.abi_version != VMITAP_RING_ABI_VERSION) {
    return fail({.code = Errc::abi_mismatch, .subject = "the guest's ring", .number = header.abi_version});
  }
  if (header.region_size != guest->bytes().size())
    return broken("the guest region has another size than it says");
  const std::size_t controls = (host->bytes().size() - VMITAP_PAGE_SIZE) / sizeof(vmitap_ring_control);
  if (header.ring_count == 0 || header.ring_count > controls)
    return broken("the host region has no room for each ring");
  return SharedChannel(std::move(*guest), std::move(*host), std::move(descriptors[2]), header.clock);
}

void SharedChannel::clear_doorbell() noexcept {
  // The guest shares the eventfd's flags and may have made it blocking, and may have emptied it: RWF_NOWAIT
  // cannot be waited on.
  std::uint64_t count = 0;
  iovec io{&count, sizeof count};
  if (::preadv2(doorbell_.get(), &io, 1, -1, RWF_NOWAIT) >= 0 || errno != EOPNOTSUPP) return;
  pollfd rung{.fd = doorbell_.get(), .events = POLLIN, .revents = 0};
  if (::poll(&rung, 1, 0) == 1 && ::read(doorbell_.get(), &count, sizeof count) < 0) return;
}

void SharedChannel::wake(RingIndex ring) noexcept {
  const std::size_t offset = VMITAP_PAGE_SIZE + std::size_t{ring.value} * sizeof(vmitap_ring_control) +
                             offsetof(vmitap_ring_control, sync_answered);
  if (offset + sizeof(std::uint32_t) > host_.bytes().size()) return;
  ::syscall(SYS_futex, host_.bytes().data() + offset, FUTEX_WAKE, INT_MAX, nullptr, nullptr, 0);
}

}  // namespace vmitap::backend::local
