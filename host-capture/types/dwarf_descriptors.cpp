// SPDX-License-Identifier: MIT
#include "types/dwarf_descriptors.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <optional>
#include <set>
#include <utility>

#include "types/elf_relocate.hpp"
#include "types/witness.hpp"

namespace vmitap::types::dwarf {
namespace {

constexpr std::uint64_t kTextMax = 1 << 16;

struct Field {
  std::uint64_t offset = 0;
  std::optional<Dwarf_Die> type;  // nothing: void
};

std::optional<Field> find_member(Dwarf_Die record, std::string_view name) {
  std::optional<Field> found;
  for_each_child(record, [&](Dwarf_Die& child) {
    if (dwarf_tag(&child) != DW_TAG_member || raw_name(child) != name) return true;
    if (const auto offset = member_offset(child)) found = Field{*offset, type_of(child)};
    return false;
  });
  return found;
}

// What a descriptor's variable says in DWARF.
struct Descriptor {
  LinkAddr address;
  LinkAddr text;
  std::uint64_t text_size = 0;
  std::optional<LinkAddr> variable;    // where the address of a mark's variable stands
  std::optional<Dwarf_Die> described;  // the pointer's target; nothing: void
  std::string file;
  std::uint32_t line = 0;
};

// Not dwarf_aggregate_size: it wants to know the language, which a dwz unit does not have.
std::uint64_t size_of(const DwarfIndex& index, const Dwarf_Die& type) {
  std::vector<Type> types{Type{}};
  return types[TypeReader{index, types}.type(type)].size;
}

// Nothing if it is somebody else's variable of such a name.
std::optional<Descriptor> parse(const DwarfIndex& index, Dwarf_Die variable, std::string_view pointer_name) {
  const auto address = static_address(variable);
  const auto type = type_of(variable);
  if (!address || !type) return std::nullopt;
  auto record = peel(*type);
  if (!record || !is_record(dwarf_tag(&*record))) return std::nullopt;
  const auto site = find_member(*record, "site");
  const auto pointer = find_member(*record, pointer_name);
  const auto text = find_member(*record, "text");
  if (!site || !site->type || !pointer || !pointer->type || !text || !text->type) return std::nullopt;

  Descriptor result;
  result.address.value = *address;
  result.text.value = *address + text->offset;
  auto pointer_type = peel(*pointer->type);
  if (!pointer_type || dwarf_tag(&*pointer_type) != DW_TAG_pointer_type) return std::nullopt;
  result.text_size = size_of(index, *text->type);
  if (result.text_size == 0 || result.text_size > kTextMax) return std::nullopt;
  result.described = type_of(*pointer_type);
  if (const auto site_type = peel(*site->type)) {
    if (const auto field = find_member(*site_type, "variable")) {
      result.variable = LinkAddr{*address + site->offset + field->offset};
    }
  }
  result.file = source_file(variable);
  int line = 0;
  if (dwarf_decl_line(&variable, &line) == 0 && line > 0) result.line = static_cast<std::uint32_t>(line);
  return result;
}

// "name\0argument\0argument\0"
std::vector<std::string> split(std::string_view text) {
  std::vector<std::string> parts;
  for (std::size_t end = text.find('\0'); end != std::string_view::npos; end = text.find('\0')) {
    parts.push_back(printable(text.substr(0, end)));
    text.remove_prefix(end + 1);
  }
  if (!text.empty()) parts.push_back(printable(text));
  return parts;
}

class DescriptorReader {
 public:
  DescriptorReader(const DwarfIndex& index, const ElfFile& object, TypeReader& reader, Catalog& catalog)
      : index_(index), object_(object), reader_(reader), catalog_(catalog) {}

  Result<void> read() {
    for (const Dwarf_Die& die : index_.triggers()) {
      if (auto done = add_trigger(die); !done) return done;
    }
    for (const Dwarf_Die& die : index_.marks()) {
      if (auto done = add_mark(die); !done) return done;
    }
    const std::vector<std::uint64_t> variables = object_.read_pointers(pointers_);
    for (std::size_t i = 0; i < variables.size(); ++i) catalog_.marks[i].variable.value = variables[i];
    reader_.run();
    for (std::size_t i = 0; i < catalog_.triggers.size(); ++i) {
      if (auto done = name_arguments(i); !done) return done;
    }
    return {};
  }

 private:
  // An inlined function has a DIE for each of its instances, with one and the same static variable.
  bool is_new(const Descriptor& descriptor) { return seen_.insert(descriptor.address.value).second; }

  Result<std::vector<std::string>> read_text(const Descriptor& descriptor) {
    std::string text(descriptor.text_size, '\0');
    if (object_.is_relocatable() &&
        (object_.sites_section() == 0 || descriptor.address.value >= kOtherSections)) {
      return fail({.code = Errc::bad_file,
                   .operation = "reading a mark or trigger",
                   .subject = object_.path(),
                   .hint =
                       "it is a relocatable object and no kernel module, whose marks and triggers stand in "
                       "a section vmitap_sites: name the program or shared object linked from it"});
    }
    if (!object_.read(descriptor.text, std::as_writable_bytes(std::span{text}))) {
      return fail(
          {.code = Errc::bad_file,
           .operation = "reading the name of a mark or trigger",
           .subject = object_.path(),
           .address = descriptor.address.value,
           .hint = "it holds no data there; if it is a separate debug file, name the program instead"});
    }
    auto parts = split(text);
    if (parts.empty()) parts.emplace_back();
    return parts;
  }

  Result<void> add_trigger(const Dwarf_Die& die) {
    auto descriptor = parse(index_, die, "vmitap_args");
    if (!descriptor || !is_new(*descriptor)) return {};
    auto text = read_text(*descriptor);
    if (!text) return tl::unexpected{text.error()};
    const TypeId arguments = descriptor->described ? reader_.type(*descriptor->described) : 0;
    arguments_.emplace_back(arguments, std::vector<std::string>(text->begin() + 1, text->end()));
    catalog_.triggers.push_back({.name = std::move(text->front()),
                                 .arguments = {},
                                 .arguments_size = 0,
                                 .descriptor = descriptor->address,
                                 .file = std::move(descriptor->file),
                                 .line = descriptor->line});
    return {};
  }

  Result<void> add_mark(const Dwarf_Die& die) {
    auto descriptor = parse(index_, die, "vmitap_type");
    if (!descriptor || !is_new(*descriptor)) return {};
    auto text = read_text(*descriptor);
    if (!text) return tl::unexpected{text.error()};
    pointers_.push_back(descriptor->variable.value_or(LinkAddr{}));
    catalog_.marks.push_back({.name = std::move(text->front()),
                              .type = descriptor->described ? reader_.type(*descriptor->described) : 0,
                              .descriptor = descriptor->address,
                              .variable = {},
                              .file = std::move(descriptor->file),
                              .line = descriptor->line});
    return {};
  }

  // The argument struct's members in their order; what they are called stands in the text.
  Result<void> name_arguments(std::size_t i) {
    const auto& [id, names] = arguments_[i];
    const Type& record = catalog_[catalog_.strip(id)];
    TriggerSite& site = catalog_.triggers[i];
    site.arguments_size = record.members.empty() ? 0 : record.size;  // C++ has no struct of size 0
    for (std::size_t number = 0; const Member& member : record.members) {
      const std::uint64_t size = catalog_[member.type].size;
      if (member.offset > record.size || size > record.size - member.offset) {
        return fail({.code = Errc::bad_debug_info,
                     .operation = "reading the arguments of a trigger",
                     .subject = object_.path(),
                     .address = site.descriptor.value,
                     .hint = "they do not fit into their own structure"});
      }
      const std::string& name = number < names.size() ? names[number] : member.name;
      ++number;
      if (auto witness = parse_witness(name)) {
        witness->offset = member.offset;
        witness->size = size;
        site.witnesses.push_back(*std::move(witness));
        continue;
      }
      site.arguments.push_back({.name = name, .type = member.type, .offset = member.offset});
    }
    return {};
  }

  const DwarfIndex& index_;
  const ElfFile& object_;
  TypeReader& reader_;
  Catalog& catalog_;
  std::set<std::uint64_t> seen_;
  std::vector<LinkAddr> pointers_;
  std::vector<std::pair<TypeId, std::vector<std::string>>> arguments_;
};

}  // namespace

Result<void> read_descriptors(const DwarfIndex& index, const ElfFile& object, TypeReader& reader,
                              Catalog& catalog) {
  return DescriptorReader{index, object, reader, catalog}.read();
}

}  // namespace vmitap::types::dwarf
