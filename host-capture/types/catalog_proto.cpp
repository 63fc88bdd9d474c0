// SPDX-License-Identifier: MIT
#include "types/catalog_proto.hpp"

#include <fmt/core.h>

#include <string>

#include "types/layout_check.hpp"
#include "vmitap/vmitap.pb.h"

namespace vmitap::types {
namespace {

using Message = vmitap::Catalog;

void write_type(const Type& type, Message::Type& out) {
  out.set_kind(static_cast<std::uint32_t>(type.kind));
  out.set_name(type.name);
  out.set_size(type.size);
  out.set_is_signed(type.is_signed);
  out.set_is_declaration(type.is_declaration);
  out.set_is_flexible(type.is_flexible);
  out.set_record(static_cast<std::uint32_t>(type.record));
  out.set_target(type.target);
  out.set_count(type.count);
  for (const Member& member : type.members) {
    Message::Member& entry = *out.add_members();
    entry.set_name(member.name);
    entry.set_type(member.type);
    entry.set_offset(member.offset);
    entry.set_bit_offset(member.bit_offset);
    entry.set_bit_size(member.bit_size);
    entry.set_is_base(member.is_base);
    entry.set_is_virtual_base(member.is_virtual_base);
  }
  for (const Enumerator& enumerator : type.enumerators) {
    Message::Enumerator& entry = *out.add_enumerators();
    entry.set_name(enumerator.name);
    entry.set_value(enumerator.value);
  }
}

tl::unexpected<Error> bad(std::string hint) {
  return fail({.code = Errc::bad_file, .operation = "reading a catalog", .hint = std::move(hint)});
}

Result<Type> read_type(const Message::Type& in) {
  if (in.kind() > static_cast<std::uint32_t>(Kind::opaque)) return bad(fmt::format("no kind {}", in.kind()));
  if (in.record() > static_cast<std::uint32_t>(RecordKind::class_)) {
    return bad(fmt::format("no kind of record {}", in.record()));
  }
  Type type;
  type.kind = static_cast<Kind>(in.kind());
  type.name = in.name();
  type.size = in.size();
  type.is_signed = in.is_signed();
  type.is_declaration = in.is_declaration();
  type.is_flexible = in.is_flexible();
  type.record = static_cast<RecordKind>(in.record());
  type.target = in.target();
  type.count = in.count();
  for (const Message::Member& entry : in.members()) {
    Member member;
    member.name = entry.name();
    member.type = entry.type();
    member.offset = entry.offset();
    member.bit_offset = entry.bit_offset();
    member.bit_size = entry.bit_size();
    member.is_base = entry.is_base();
    member.is_virtual_base = entry.is_virtual_base();
    type.members.push_back(std::move(member));
  }
  for (const Message::Enumerator& entry : in.enumerators())
    type.enumerators.push_back({entry.name(), entry.value()});
  return type;
}

bool fits(const Catalog& catalog, const Argument& argument, std::uint64_t size) {
  return argument.type < catalog.types.size() && argument.offset <= size &&
         catalog[argument.type].size <= size - argument.offset;
}

}  // namespace

void to_proto(const Catalog& catalog, vmitap::Catalog& message) {
  message.Clear();
  message.set_object(catalog.object);
  message.set_build_id(catalog.build_id);
  for (const Type& type : catalog.types) write_type(type, *message.add_types());
  for (const Mark& mark : catalog.marks) {
    Message::MarkInfo& entry = *message.add_marks();
    entry.set_name(mark.name);
    entry.set_type(mark.type);
    entry.set_site(mark.descriptor.value);
    entry.set_variable(mark.variable.value);
    entry.set_file(mark.file);
    entry.set_line(mark.line);
  }
  for (const TriggerSite& site : catalog.triggers) {
    Message::TriggerInfo& entry = *message.add_triggers();
    entry.set_name(site.name);
    entry.set_size(site.arguments_size);
    entry.set_site(site.descriptor.value);
    entry.set_file(site.file);
    entry.set_line(site.line);
    for (const Argument& argument : site.arguments) {
      Message::ArgumentInfo& info = *entry.add_arguments();
      info.set_name(argument.name);
      info.set_type(argument.type);
      info.set_offset(argument.offset);
    }
  }
}

Result<Catalog> from_proto(const vmitap::Catalog& message) {
  Catalog catalog;
  catalog.object = message.object();
  catalog.build_id = message.build_id();
  catalog.types.clear();
  for (const Message::Type& entry : message.types()) {
    auto type = read_type(entry);
    if (!type) return tl::unexpected{type.error()};
    catalog.types.push_back(std::move(*type));
  }
  if (catalog.types.empty() || catalog.types[0].kind != Kind::void_) return bad("type 0 is not void");
  if (const auto unsound = unsound_types(catalog); !unsound.empty()) {
    return bad(fmt::format("type {} (\"{}\") contradicts itself", unsound[0], catalog[unsound[0]].name));
  }
  for (const Message::MarkInfo& entry : message.marks()) {
    if (entry.type() >= catalog.types.size()) return bad("mark \"" + entry.name() + "\" has no such type");
    catalog.marks.push_back({.name = entry.name(),
                             .type = entry.type(),
                             .descriptor = {entry.site()},
                             .variable = {entry.variable()},
                             .file = entry.file(),
                             .line = entry.line()});
  }
  for (const Message::TriggerInfo& entry : message.triggers()) {
    TriggerSite site{.name = entry.name(),
                     .arguments = {},
                     .arguments_size = entry.size(),
                     .descriptor = {entry.site()},
                     .file = entry.file(),
                     .line = entry.line()};
    for (const Message::ArgumentInfo& info : entry.arguments()) {
      site.arguments.push_back({info.name(), info.type(), info.offset()});
      if (!fits(catalog, site.arguments.back(), entry.size())) {
        return bad("argument \"" + info.name() + "\" of trigger \"" + entry.name() + "\" does not fit");
      }
    }
    catalog.triggers.push_back(std::move(site));
  }
  return catalog;
}

}  // namespace vmitap::types
