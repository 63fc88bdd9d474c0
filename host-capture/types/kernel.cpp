// SPDX-License-Identifier: MIT
#include "types/kernel.hpp"

#include <algorithm>
#include <cerrno>
#include <string>
#include <utility>
#include <vector>

#include "base/printable.hpp"
#include "types/layout_check.hpp"
#include "types/per_cpu.hpp"
#include "types/vmcoreinfo.hpp"

namespace vmitap::types {
namespace {

constexpr std::uint64_t kVmcoreinfoMax = 1 << 20;  // Linux has a page
// read_image() takes large pieces; one that reaches over a hole is lost as a whole.
constexpr std::size_t kPiece = 1 << 20;
constexpr std::size_t kNamesakesMax = 256;  // types; Linux has a few of one name

tl::unexpected<Error> unknown(const char* what, const char* hint) {
  return fail({.code = Errc::unsupported, .subject = what, .hint = hint});
}

tl::unexpected<Error> unreadable(const char* operation, GuestVirt address) {
  return fail({.code = Errc::unreadable_memory, .operation = operation, .address = address.value});
}

std::string build_id_of(std::string_view vmcoreinfo) {
  const std::string_view id = vmcoreinfo_value(vmcoreinfo, "BUILD-ID");
  const bool is_hex = id.find_first_not_of("0123456789abcdef") == std::string_view::npos && id.size() <= 128;
  return is_hex ? std::string(id) : std::string();
}

}  // namespace

Kernel::Kernel(Btf btf, KernelSymbols symbols)
    : btf_(std::make_unique<const Btf>(std::move(btf))),
      symbols_(std::move(symbols)),
      catalog_(std::make_shared<Catalog>()) {
  types_.emplace(*btf_, catalog_->types);
}

Result<std::unique_ptr<Kernel>> Kernel::read(const backend::KernelImage& image, const GuestReader& read) {
  if (image.btf.value == 0 || image.btf_size == 0) {
    return unknown("a kernel that does not tell where its types are", "it takes CONFIG_DEBUG_INFO_BTF=y");
  }
  if (image.vmcoreinfo.value == 0 || image.vmcoreinfo_size == 0) {
    return unknown("a kernel that does not tell where its symbols are", "it takes CONFIG_CRASH_CORE=y");
  }
  if (image.btf_size > kBtfMax)
    return fail({.code = Errc::too_large,
                 .subject = "the kernel's BTF",
                 .number = kBtfMax,
                 .hint = "no kernel has as much: the guest is damaged or hostile"});
  std::string vmcoreinfo(std::min(image.vmcoreinfo_size, kVmcoreinfoMax), '\0');
  if (!read(image.vmcoreinfo, std::as_writable_bytes(std::span{vmcoreinfo}))) {
    return unreadable("reading vmcoreinfo", image.vmcoreinfo);
  }
  std::vector<std::byte> raw(image.btf_size);
  if (!read(image.btf, raw)) return unreadable("reading BTF", image.btf);
  auto btf = Btf::parse(raw);
  if (!btf) return fail(std::move(btf.error()));
  auto symbols = KernelSymbols::read(vmcoreinfo, read);
  if (!symbols) return fail(std::move(symbols.error()));

  std::unique_ptr<Kernel> kernel{new Kernel(*std::move(btf), *std::move(symbols))};
  const std::string_view release = vmcoreinfo_value(vmcoreinfo, "OSRELEASE");
  kernel->catalog_->object = "kernel" + (release.empty() ? "" : " " + printable(release.substr(0, 128)));
  kernel->catalog_->build_id = build_id_of(vmcoreinfo);
  auto offsets = read_per_cpu_offsets(image, read);
  if (!offsets) return fail(std::move(offsets.error()));
  kernel->per_cpu_offsets_ = *std::move(offsets);
  kernel->per_cpu_start_ = image.per_cpu_start.value;
  const auto end = kernel->symbols_.named("__per_cpu_end");
  kernel->per_cpu_end_ = end.empty() ? kernel->per_cpu_start_ : end.front().address;
  return kernel;
}

Result<std::unique_ptr<Kernel>> Kernel::read(backend::Guest& guest,
                                             const std::optional<backend::KernelImage>& image,
                                             const std::string& why_none) {
  if (!image) {
    return fail({.code = Errc::unsupported,
                 .subject = "kernel: of this guest",
                 .hint = !why_none.empty() ? why_none
                                           : "it is no domain whose kernel has vmitap's module; name what "
                                             "the guest itself offers: vmitap list"});
  }
  bool lacked_room = false;
  auto kernel = read(*image, [&](GuestVirt from, std::span<std::byte> into) {
    std::vector<backend::ReadRequest> pieces;
    for (std::size_t at = 0; at < into.size(); at += kPiece) {
      pieces.push_back({.from = from + static_cast<std::int64_t>(at),
                        .into = into.subspan(at, std::min(kPiece, into.size() - at))});
    }
    guest.read_image(pieces);
    lacked_room = std::ranges::any_of(
        pieces, [](const auto& piece) { return piece.status == backend::ReadStatus::no_room; });
    return std::ranges::all_of(pieces,
                               [](const auto& piece) { return piece.status == backend::ReadStatus::ok; });
  });
  if (!kernel && lacked_room)
    kernel.error() = {.code = Errc::system,
                      .operation = "map the guest's memory",
                      .sys = ENOMEM,
                      .hint = "end other captures, or give dom0 more memory"};
  if (!kernel && kernel.error().guest.empty()) kernel.error().guest = guest.identity().address;
  return kernel;
}

Catalog& Kernel::changing() {
  if (std::exchange(is_published_, false)) {
    auto copy = std::make_shared<Catalog>(*catalog_);
    const BtfTypes before = std::move(*types_);
    types_.reset();
    types_.emplace(before, copy->types);
    catalog_ = std::move(copy);
  }
  return *catalog_;
}

void Kernel::admit(std::string_view name) {
  std::vector<BtfId> admitted;
  for (const BtfId id : btf_->named(name)) {
    const btf_type* type = btf_->at(id);
    const bool is_type = btf_is_composite(type) || btf_is_any_enum(type) || btf_is_typedef(type) ||
                         btf_is_int(type) || btf_is_float(type) || btf_is_fwd(type);
    if (is_type) admitted.push_back(id);
    if (admitted.size() == kNamesakesMax) break;
  }
  if (admitted.empty()) return;
  Catalog& catalog = changing();
  for (const BtfId id : admitted) types_->add(id);
  seclude_unsound(catalog);
}

TypeId Kernel::admit(BtfId id) {
  Catalog& catalog = changing();
  const TypeId type = types_->add(id);
  seclude_unsound(catalog);
  return type;
}

void Kernel::complete(TypeId id) {
  if (!types_->is_incomplete(id)) return;
  Catalog& catalog = changing();
  types_->complete(id);
  seclude_unsound(catalog);
}

TypeId Kernel::pointer_to(TypeId target) {
  Type type;
  type.kind = Kind::pointer;
  type.size = 8;
  type.target = target;
  return derived(std::move(type));
}

TypeId Kernel::array_of(TypeId element, std::uint64_t count) {
  Type type;
  type.kind = Kind::array;
  type.target = element;
  type.count = count;
  type.is_flexible = count == 0;
  if (__builtin_mul_overflow(count, (*catalog_)[element].size, &type.size)) {
    type = Type{};
    type.kind = Kind::opaque;
  }
  return derived(std::move(type));
}

TypeId Kernel::derived(Type type) {
  auto& types = changing().types;
  const auto known = std::ranges::find_if(types, [&](const Type& other) {
    return other.kind == type.kind && other.target == type.target && other.count == type.count &&
           other.size == type.size && other.name.empty();
  });
  if (known != types.end()) return static_cast<TypeId>(known - types.begin());
  types.push_back(std::move(type));
  return static_cast<TypeId>(types.size() - 1);
}

std::shared_ptr<const Catalog> Kernel::publish() {
  is_published_ = true;
  return catalog_;
}

bool Kernel::is_per_cpu(const KernelSymbols::Symbol& symbol) const {
  return symbol.address >= per_cpu_start_ && symbol.address < per_cpu_end_;
}

}  // namespace vmitap::types
