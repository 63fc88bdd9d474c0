// SPDX-License-Identifier: MIT
// Usage in dom0: translate_oracle DOMAIN [COUNT]: our page walk against libxenctrl's
// xc_translate_foreign_address, for COUNT addresses (10,000) of all parts of a Linux address space, on vCPU
// 0's own page tables. The domain stands still for 64 addresses at a time, so that a page table that changes
// is no excuse. Exit status 1 if they differ.
#include <cstdint>
// Before all others of Xen's headers: they lean on it.
extern "C" {
#include <xenctrl.h>
// clang-format off
#include <xen/hvm/save.h>
// clang-format on
}

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <memory>
#include <optional>
#include <random>
#include <string_view>
#include <vector>

#include "backend/xen/find.hpp"
#include "backend/xen/frame_cache.hpp"
#include "backend/xen/library_handle.hpp"
#include "backend/xen/page_walk.hpp"
#include "base/error_text.hpp"

namespace {

using namespace vmitap;
using namespace vmitap::backend::xen;

constexpr std::size_t kBatch = 64;
constexpr std::uint64_t kMiB = 1 << 20;
constexpr std::uint64_t kGiB = 1 << 30;
constexpr std::uint64_t kSpoils = std::uint64_t{1}
                                  << 60;  // flipped: no canonical address, with 4 levels or 5

// Documentation/x86/x86_64/mm.rst, four levels, without KASLR; what a boot moves is then met less often.
struct Region {
  const char* name;
  std::uint64_t start;
  std::uint64_t size;
  unsigned share;  // of 100
};
constexpr Region kRegions[] = {
    {"kernel image", 0xffffffff81000000, 64 * kMiB, 18},
    {"direct map", 0xffff888000000000, 192 * kMiB, 24},
    {"vmalloc", 0xffffc90000000000, 8 * kMiB, 14},
    {"modules", 0xffffffffc0000000, 8 * kMiB, 8},
    {"page structs", 0xffffea0000000000, 8 * kMiB, 8},
    {"fixmap", 0xffffffffff000000, 16 * kMiB, 4},
    {"CPU entry areas", 0xfffffe0000000000, 4 * kMiB, 4},
    {"Xen's own", 0xffff800000000000, 8 * 1024 * kGiB, 4},
    {"any of the kernel's", 0xffff800000000000, 128 * 1024 * kGiB, 4},
    {"program", 0x400000, 8 * kMiB, 6},
    {"stacks, libraries", 0x7ff000000000, 64 * kGiB, 3},
    {"any of a program's", 0, 128 * 1024 * kGiB, 3},
};

struct Tally {
  unsigned mapped = 0, unmapped = 0;
  std::array<unsigned, 4> pages{};  // by the level that held them
};

class Paused {
 public:
  Paused(xc_interface* control, std::uint32_t domain) : control_(control), domain_(domain) {
    paused_ = xc_domain_pause(control_, domain_) == 0;
  }
  Paused(const Paused&) = delete;
  Paused& operator=(const Paused&) = delete;
  ~Paused() {
    if (paused_) xc_domain_unpause(control_, domain_);
  }
  explicit operator bool() const { return paused_; }

 private:
  xc_interface* control_;
  std::uint32_t domain_;
  bool paused_;
};

// Where vCPU 0's page tables stand just now, as the oracle finds it.
std::optional<AddressSpace> space_of(xc_interface* control, const DomainInfo& domain) {
  if (domain.hvm) {
    struct hvm_hw_cpu cpu {};
    if (xc_domain_hvm_getcontext_partial(control, domain.id.value, HVM_SAVE_CODE(CPU), 0, &cpu, sizeof cpu) !=
        0)
      return std::nullopt;
    return AddressSpace{.root = Frame{(cpu.cr3 & pte::kAddress) / kPageSize},
                        .levels = (cpu.cr4 & 1u << 12) != 0 ? 5 : 4};
  }
  auto context = std::make_unique<vcpu_guest_context_any_t>();
  if (xc_vcpu_getcontext(control, domain.id.value, 0, context.get()) != 0) return std::nullopt;
  return AddressSpace{.root = Frame{context->x64.ctrlreg[3] / kPageSize}, .levels = 4};
}

int give_up(std::string_view what) {
  fmt::print(stderr, "translate_oracle: {}\n", what);
  return 2;
}

}  // namespace

int main(int argc, char** argv) {
  std::size_t count = 10'000;
  const std::string_view given = argc == 3 ? argv[2] : "10000";
  if (argc < 2 || argc > 3 || std::from_chars(given.begin(), given.end(), count).ec != std::errc{})
    return give_up("usage: translate_oracle DOMAIN [COUNT]");
  const auto store = Store::open();
  if (!store) return give_up(describe(store.error()));
  const auto domains = DomainControl::open();
  if (!domains) return give_up(describe(domains.error()));
  const auto domain = find_domain(*store, *domains, argv[1]);
  if (!domain) return give_up(describe(domain.error()));
  auto frames = FrameCache::open(domain->id, MappingShare::of_records());
  if (!frames) return give_up(describe(frames.error()));
  const LibraryHandle<xc_interface_core, xc_interface_close> opened(xc_interface_open(quiet(), quiet(), 0));
  xc_interface* const control = opened.get();
  if (control == nullptr) return give_up("libxenctrl gives no access");

  std::mt19937_64 random(0x766d69746170);
  std::vector<unsigned> shares;
  for (const Region& region : kRegions) shares.push_back(region.share);
  std::discrete_distribution<std::size_t> pick(shares.begin(), shares.end());
  const auto tables = [&](Frame frame) { return reinterpret_cast<const std::uint64_t*>(frames->get(frame)); };

  std::array<Tally, std::size(kRegions)> tallies;
  std::size_t differ = 0;
  std::size_t wild = 0;
  for (std::size_t done = 0; done < count;) {
    const Paused paused(control, domain->id.value);
    const auto space = space_of(control, *domain);
    if (!paused || !space) return give_up("the domain cannot be paused or looked at");
    for (const std::size_t end = std::min(done + kBatch, count); done < end; ++done) {
      const std::size_t which = pick(random);
      const Region& region = kRegions[which];
      const GuestVirt address{region.start + random() % region.size};
      const auto ours = walk(*space, address, tables);
      // Mapped is what can be read: frames of Xen itself and of no memory at all cannot.
      const bool readable = ours && frames->get(ours->frame) != nullptr;
      const std::uint64_t theirs = xc_translate_foreign_address(control, domain->id.value, 0, address.value);
      Tally& tally = tallies[which];
      if (ours) {
        if (walk(*space, GuestVirt{address.value ^ kSpoils}, tables)) ++wild;
        ++tally.mapped;
        ++tally.pages[static_cast<std::size_t>(space->levels - ours->trail.count + 1)];
      } else {
        ++tally.unmapped;
      }
      // Theirs has no other word for "none" than frame 0.
      if (theirs == (ours ? ours->frame.value : 0)) continue;
      ++differ;
      if (differ <= 20)
        fmt::print("{:#018x} ({}): ours {}, theirs {:#x}{}\n", address.value, region.name,
                   ours ? fmt::format("{:#x}", ours->frame.value) : "none", theirs,
                   ours && !readable ? ", not readable" : "");
    }
    frames->turn(false);
  }

  unsigned mapped = 0;
  unsigned unmapped = 0;
  unsigned large = 0;
  fmt::print("{:<20} {:>7} {:>9} {:>7} {:>7} {:>7}\n", "", "mapped", "unmapped", "4 KiB", "2 MiB", "1 GiB");
  for (std::size_t i = 0; i < tallies.size(); ++i) {
    const Tally& tally = tallies[i];
    fmt::print("{:<20} {:>7} {:>9} {:>7} {:>7} {:>7}\n", kRegions[i].name, tally.mapped, tally.unmapped,
               tally.pages[1], tally.pages[2], tally.pages[3]);
    mapped += tally.mapped;
    unmapped += tally.unmapped;
    large += tally.pages[2] + tally.pages[3];
  }
  fmt::print("{} addresses, {} mapped, {} not; {} differ\n", count, mapped, unmapped, differ);
  if (wild != 0) return give_up(fmt::format("{} addresses that are not canonical were mapped", wild));
  // A PV guest has none.
  if (domain->hvm && large < count / 50) return give_up("too few large pages for a comparison");
  if (mapped < count / 5 || unmapped < count / 5) return give_up("too few of one kind for a comparison");
  return differ == 0 ? 0 : 1;
}
