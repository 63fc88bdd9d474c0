// SPDX-License-Identifier: MIT
#include "backend/control_message.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <string_view>
#include <type_traits>
#include <unordered_map>
#include <unordered_set>

#include "base/printable.hpp"

namespace vmitap::backend {
namespace {

constexpr std::size_t kPathMax = 4096;     // PATH_MAX
constexpr std::size_t kArgumentsMax = 64;  // above what any VMITAP_TRIGGER takes

auto broken(std::string rule) { return fail({.code = Errc::protocol, .subject = std::move(rule)}); }

// Copies a struct from the front of the bytes.
template <class T>
bool take(std::span<const std::byte>& bytes, T& into) {
  static_assert(std::is_trivially_copyable_v<T>);
  if (bytes.size() < sizeof into) return false;
  std::memcpy(&into, bytes.data(), sizeof into);
  bytes = bytes.subspan(sizeof into);
  return true;
}

std::string_view text_of(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

Result<ControlMessage> parse_welcome(std::span<const std::byte> body) {
  vmitap_welcome raw;
  if (!take(body, raw) || raw.magic != VMITAP_CONTROL_MAGIC) return broken("WELCOME has no magic number");
  // Another version may have another body; what the client says of it needs the version alone.
  if (raw.abi_version == VMITAP_CONTROL_ABI_VERSION && !body.empty())
    return broken("WELCOME has a wrong size");
  const std::string_view name(raw.name, sizeof raw.name);
  return Welcome{raw.abi_version, raw.captured_by, printable(name.substr(0, name.find('\0')))};
}

Result<ControlMessage> parse_module(std::span<const std::byte> body) {
  vmitap_module raw;
  if (!take(body, raw)) return broken("MODULE is too short");
  const std::string_view path = text_of(body);
  if (raw.build_id_size > VMITAP_BUILD_ID_MAX) return broken("a module's build id is too long");
  if (raw.start >= raw.end) return broken("a module's address range is empty");
  // An absolute path, or the bare name of a kernel module.
  if (path.empty() || (path[0] != '/' && path.find('/') != path.npos) || path.size() >= kPathMax ||
      path.find('\0') != path.npos) {
    return broken("a module's path is no absolute path");
  }
  GuestModule module;
  module.id = raw.id;
  module.path = path;
  for (std::size_t i = 0; i < raw.build_id_size; ++i)
    module.build_id += fmt::format("{:02x}", raw.build_id[i]);
  module.load_bias = raw.load_bias;
  module.start = {raw.start};
  module.end = {raw.end};
  return module;
}

Result<ControlMessage> parse_site(std::span<const std::byte> body, bool is_trigger) {
  vmitap_site raw;
  if (!take(body, raw)) return broken("a site is too short");
  const std::uint32_t arguments = raw.arguments & VMITAP_SITE_ARGUMENTS;
  const std::uint32_t flags = raw.arguments & ~VMITAP_SITE_ARGUMENTS;
  if (is_trigger && arguments > kArgumentsMax) return broken("a site has too many arguments");
  if (is_trigger && (flags & ~VMITAP_SITE_PACKET) != 0)
    return broken("a trigger is of a kind that this vmitap does not know");
  if (!is_trigger && (raw.arguments & ~VMITAP_SITE_PER_CPU) != 0)
    return broken("a mark is of a kind that this vmitap does not know");
  if (is_trigger && raw.size > VMITAP_RECORD_PAYLOAD_MAX)
    return broken("a trigger's arguments fit no record");
  if (!is_trigger && raw.variable + raw.size < raw.variable) return broken("a mark's variable wraps around");

  GuestSite site;
  site.is_trigger = is_trigger;
  site.id = {raw.id};
  site.module = raw.module;
  site.descriptor = {raw.address};
  site.variable = {raw.variable};
  site.size = raw.size;
  site.line = raw.line;
  site.has_packet = is_trigger && (flags & VMITAP_SITE_PACKET) != 0;
  site.per_cpu = !is_trigger && (raw.arguments & VMITAP_SITE_PER_CPU) != 0;
  std::string_view text = text_of(body);
  if (text.ends_with('\0')) text.remove_suffix(1);  // the agent may end the last string as it ends the others
  for (std::uint32_t i = 0; i <= (is_trigger ? arguments : 0); ++i) {
    const std::string_view piece = text.substr(0, text.find('\0'));
    // An argument is as somebody typed it: a tab in it is no crime.
    if (piece.empty() || (i == 0 && !is_printable(piece)))
      return broken("a site's text is empty or its name not printable");
    (i == 0 ? site.name : site.arguments.emplace_back()) = printable(piece);
    text.remove_prefix(std::min(text.size(), piece.size() + 1));
  }
  if (!text.empty()) return broken("a site's text does not fit its number of arguments");
  return site;
}

Result<ControlMessage> parse_refused(std::span<const std::byte> body) {
  vmitap_refused raw;
  if (!take(body, raw) || !body.empty()) return broken("REFUSED has a wrong size");
  return Refused{raw.reason, raw.detail};
}

}  // namespace

Result<ControlMessage> parse_control_message(std::span<const std::byte> packet) {
  vmitap_message header;
  std::span<const std::byte> body = packet;
  if (!take(body, header)) return broken("a message is shorter than its header");
  if (header.size != packet.size() || packet.size() > VMITAP_MESSAGE_MAX) {
    return broken("a message's size is not its packet's");
  }
  const auto bare = [&](auto message) -> Result<ControlMessage> {
    if (!body.empty()) return broken("a message without a body has one");
    return message;
  };
  switch (header.type) {
    case VMITAP_WELCOME:
      return parse_welcome(body);
    case VMITAP_MODULE:
      return parse_module(body);
    case VMITAP_TRIGGER_SITE:
      return parse_site(body, true);
    case VMITAP_MARK_SITE:
      return parse_site(body, false);
    case VMITAP_LISTED:
      return bare(Listed{});
    case VMITAP_ATTACHED:
      return bare(Attached{});
    case VMITAP_DONE:
      return bare(Done{});
    case VMITAP_REFUSED:
      return parse_refused(body);
    case VMITAP_CHANGED:
      return bare(Changed{});
    default:
      return broken(fmt::format("a message has the unknown type {}", header.type));
  }
}

Result<void> check_catalog(const GuestCatalog& catalog) {
  std::unordered_map<std::uint32_t, const GuestModule*> modules;
  for (const GuestModule& module : catalog.modules) {
    if (!modules.emplace(module.id, &module).second) return broken("two modules have one id");
  }
  std::unordered_set<TriggerId> triggers;
  for (const GuestSite& site : catalog.sites) {
    const auto module = modules.find(site.module);
    if (module == modules.end()) return broken("a site lies in a module that was not named");
    if (site.descriptor < module->second->start || site.descriptor >= module->second->end) {
      return broken("a site lies outside its module");
    }
    if (site.is_trigger && !triggers.insert(site.id).second) return broken("two triggers have one id");
  }
  return {};
}

}  // namespace vmitap::backend
