// SPDX-License-Identifier: MIT
#include "backend/xen/directory.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <cstring>
#include <utility>

#include "base/printable.hpp"
#include "vmitap/barrier.h"

namespace vmitap::backend::xen {
namespace {

// Far more than programs that are watched in one domain, and few enough for one that makes them up.
constexpr std::size_t kChannelsMax = 64;  // each costs us up to four questions to xenstored
constexpr std::uint32_t kCatalogPagesMax = 1024;
constexpr int kClockTries = 100;

tl::unexpected<Error> broken(const char* rule) { return fail({.code = Errc::protocol, .subject = rule}); }

std::vector<GrantRef> take(std::span<const GrantRef>& refs, std::size_t count) {
  const auto taken = refs.first(count);
  refs = refs.subspan(count);
  return {taken.begin(), taken.end()};
}

template <class T>
T load(T& shared) noexcept {
  return std::atomic_ref(shared).load(std::memory_order_acquire);
}

}  // namespace

std::string Advertisement::path(DomId domain, const std::string& channel) {
  return fmt::format("{}/{}/{}", home_of(domain), VMITAP_XENSTORE_DIRECTORY, channel);
}

std::optional<Advertisement> Advertisement::read(const Store& store, DomId domain,
                                                 const std::string& channel) {
  const std::string at = path(domain, channel);
  const auto abi = store.read_number(at + "/abi");
  if (!abi) return std::nullopt;
  const auto directory = store.read_number(at + "/directory");
  const auto port = store.read_number(at + "/port");
  if (!directory || !port) return std::nullopt;
  std::string name = store.read(at + "/name").value_or("");
  name.resize(std::min<std::size_t>(name.size(), VMITAP_NAME_MAX - 1));
  return Advertisement{.channel = channel,
                       .name = printable(name),
                       .abi = *abi,
                       .directory = GrantRef{*directory},
                       .port = EvtchnPort{*port}};
}

bool Advertisement::is_program(std::string_view channel) {
  return !channel.empty() && channel.size() <= 10 &&
         channel.find_first_not_of("0123456789") == std::string_view::npos;
}

Advertisements Advertisements::read(const Store& store, DomId domain) {
  Advertisements all;
  const auto take = [&](const std::string& channel) {
    if (auto advertised = Advertisement::read(store, domain, channel))
      all.found.push_back(std::move(*advertised));
  };
  take(VMITAP_XENSTORE_KERNEL);
  std::size_t looked_at = 0;
  for (const std::string& channel : store.list(home_of(domain) + "/" VMITAP_XENSTORE_DIRECTORY)) {
    if (!Advertisement::is_program(channel)) continue;
    if (++looked_at <= kChannelsMax)
      take(channel);
    else
      ++all.more;
  }
  return all;
}

Result<Directory> Directory::read(Grants& grants, GrantRef first) {
  Directory directory;
  auto page = grants.map(std::span(&first, 1), Grants::Access::read);
  if (!page) return fail(std::move(page.error()));
  directory.page_ = std::move(*page);
  vmitap_directory& header = directory.header_;
  std::memcpy(&header, directory.page_.bytes().data(), sizeof header);

  if (header.magic != VMITAP_DIRECTORY_MAGIC)
    return broken("the directory page begins with no directory's mark");
  if (header.abi_version != VMITAP_XEN_ABI_VERSION)
    return fail({.code = Errc::abi_mismatch,
                 .subject = "the guest's vmitap module",
                 .number = header.abi_version,
                 .hint = fmt::format("this vmitap speaks version {}", VMITAP_XEN_ABI_VERSION)});
  constexpr std::uint64_t most =
      VMITAP_DIRECTORY_GREFS_FIRST + (VMITAP_DIRECTORY_PAGES_MAX - 1) * VMITAP_DIRECTORY_GREFS_NEXT;
  const std::uint64_t count = std::uint64_t{header.guest_pages} + header.host_pages + header.catalog_pages +
                              std::uint64_t{2} * VMITAP_MAILBOX_PAGES;
  if (header.guest_pages == 0 || header.host_pages == 0 || header.catalog_pages == 0 ||
      header.catalog_pages > kCatalogPagesMax || count > most)
    return broken("the directory counts no pages, or more than a channel may have");
  if (header.page_table_root == 0 || header.page_table_root % VMITAP_PAGE_SIZE != 0)
    return broken("the directory names no page table");

  std::vector<GrantRef> refs;
  refs.reserve(count);
  for (std::size_t i = 0; i < std::min<std::uint64_t>(count, VMITAP_DIRECTORY_GREFS_FIRST); ++i)
    refs.push_back(GrantRef{header.grefs[i]});
  // A chain that leads back into itself ends with the count: each page brings its share or none follows.
  for (GrantRef next{header.next}; refs.size() < count;) {
    if (next.value == 0) return broken("the directory ends before its pages are all named");
    const auto more = grants.map(std::span(&next, 1), Grants::Access::read);
    if (!more) return fail(more.error());
    vmitap_directory_next page_copy;
    std::memcpy(&page_copy, more->bytes().data(), sizeof page_copy);
    for (std::size_t i = 0; i < VMITAP_DIRECTORY_GREFS_NEXT && refs.size() < count; ++i)
      refs.push_back(GrantRef{page_copy.grefs[i]});
    next = GrantRef{page_copy.next};
  }
  std::span<const GrantRef> rest(refs);
  directory.regions_.guest = take(rest, header.guest_pages);
  directory.regions_.host = take(rest, header.host_pages);
  directory.regions_.catalog = take(rest, header.catalog_pages);
  directory.regions_.replies = take(rest, VMITAP_MAILBOX_PAGES);
  directory.regions_.requests = take(rest, VMITAP_MAILBOX_PAGES);
  return directory;
}

vmitap_directory& Directory::shared() const noexcept {
  return *std::launder(reinterpret_cast<vmitap_directory*>(page_.bytes().data()));
}

KernelImage Directory::kernel() const noexcept {
  const vmitap_kernel_image& from = header_.kernel;
  return {.btf = {from.btf},
          .btf_size = from.btf_size,
          .vmcoreinfo = {from.vmcoreinfo},
          .vmcoreinfo_size = from.vmcoreinfo_size,
          .per_cpu_offset = {from.per_cpu_offset},
          .per_cpu_start = {from.per_cpu_start},
          .cpus = from.cpus};
}

AddressSpace Directory::space() const noexcept {
  return {.root = Frame{header_.page_table_root / kPageSize},
          .levels = (header_.flags & VMITAP_DIRECTORY_PAE5) != 0 ? 5 : 4};
}

// Pairs with the guest module's stores of a sample (guest-trigger/kernel/clock.c). Each load is an acquire,
// so that the version is looked at again only after the rest.
std::optional<vmitap_clock_sample> Directory::clock() const noexcept {
  vmitap_clock_sample& from = shared().clock;
  for (int i = 0; i < kClockTries; ++i) {
    const std::uint32_t before = load(from.version);
    const vmitap_clock_sample sample{.version = before,
                                     .tsc_khz = load(from.tsc_khz),
                                     .tsc = load(from.tsc),
                                     .system_ns = load(from.system_ns)};
    if (before % 2 == 0 && load(from.version) == before) return sample;
  }
  return std::nullopt;
}

// Acquire: with vmitap_channel_retire() in the guest (channel.c), after which a program's page tables may go.
bool Directory::is_retired() const noexcept {
  return vmitap_load_acquire(&shared().magic) != VMITAP_DIRECTORY_MAGIC;
}

std::uint32_t Directory::catalog_version() const noexcept { return load(shared().catalog_version); }

std::uint64_t Directory::catalog_size() const noexcept { return load(shared().catalog_size); }

}  // namespace vmitap::backend::xen
