// SPDX-License-Identifier: MIT
#include "types/packet_catalog.hpp"

#include <fmt/format.h>

#include <array>
#include <cstdint>
#include <span>

#include "types/btf.hpp"
#include "types/btf_types.hpp"
#include "types/layout_check.hpp"
#include "vmitap/packet_abi.h"

namespace vmitap::types {
namespace {

// Made from packet_types.c when this is built.
constexpr auto kBtf = std::to_array<std::uint8_t>({
#include "packet_types.inc"
});

// Of what it describes, as a build id is: FNV-1a.
std::string id_of(std::span<const std::uint8_t> bytes) {
  std::uint64_t hash = 0xcbf29ce484222325;
  for (const std::uint8_t byte : bytes) hash = (hash ^ byte) * 0x100000001b3;
  return fmt::format("{:016x}", hash);
}

TriggerSite site(const char* name, packet_direction direction, TypeId packet) {
  return {.name = name,
          .arguments = {{.name = "packet", .type = packet, .offset = 0}},
          .arguments_size = sizeof(struct packet),
          .descriptor = LinkAddr{static_cast<std::uint64_t>(direction)},
          .file = {}};
}

Result<std::shared_ptr<const Catalog>> make() {
  const auto btf = Btf::parse(std::as_bytes(std::span(kBtf)));
  if (!btf) return fail(btf.error());
  auto catalog = std::make_shared<Catalog>();
  catalog->object = "vmitap/packet_abi.h";
  catalog->build_id = id_of(kBtf);
  BtfTypes types{*btf, catalog->types};
  for (const BtfId id : btf->named("packet"))
    if (btf_is_struct(btf->at(id))) types.add(id);
  seclude_unsound(*catalog);
  const TypeId packet = catalog->find("struct packet");
  if ((*catalog)[packet].size != sizeof(struct packet))
    return fail({.code = Errc::bad_debug_info,
                 .subject = catalog->object,
                 .hint = "the compiler's BTF of struct packet is not of this build"});
  catalog->triggers = {site("packet.rx", PACKET_RECEIVED, packet), site("packet.tx", PACKET_SENT, packet)};
  return catalog;
}

}  // namespace

Result<std::shared_ptr<const Catalog>> packet_catalog() {
  static const Result<std::shared_ptr<const Catalog>> made = make();
  return made;
}

}  // namespace vmitap::types
