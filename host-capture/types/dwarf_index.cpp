// SPDX-License-Identifier: MIT
#include "types/dwarf_index.hpp"

#include <fmt/core.h>
#include <sys/stat.h>

#include <algorithm>
#include <deque>
#include <filesystem>

#include "types/dwarf_walk.hpp"

namespace vmitap::types::dwarf {
namespace {

constexpr std::string_view kMarkPrefix = "vmitap_mark_here";
constexpr std::string_view kTriggerPrefix = "vmitap_trigger_here";

bool is_plain_file(const std::filesystem::path& path) {
  struct stat info {};
  return ::stat(path.c_str(), &info) == 0 && S_ISREG(info.st_mode);
}

// libdw 0.188 hands out strings that run over the end of their section.
bool has_terminated_strings(Elf* elf) {
  std::size_t names = 0;
  if (elf_getshdrstrndx(elf, &names) != 0) return false;
  for (Elf_Scn* section = elf_nextscn(elf, nullptr); section != nullptr;
       section = elf_nextscn(elf, section)) {
    GElf_Shdr header;
    if (gelf_getshdr(section, &header) == nullptr) return false;
    const char* name_text = elf_strptr(elf, names, header.sh_name);
    const std::string_view name = name_text == nullptr ? std::string_view{} : name_text;
    if (header.sh_type == SHT_NOBITS || !(name.starts_with(".debug_") || name.starts_with(".zdebug_")))
      continue;
    if (name.find("_str") == std::string_view::npos || name.find("_str_offsets") != std::string_view::npos)
      continue;
    const Elf_Data* data = elf_rawdata(section, nullptr);
    if (data == nullptr) return false;
    if (data->d_size != 0 && static_cast<const char*>(data->d_buf)[data->d_size - 1] != '\0') return false;
  }
  return true;
}

std::string_view attribute_string(Dwarf_Die& die, unsigned attribute) {
  Dwarf_Attribute memory;
  if (dwarf_attr(&die, attribute, &memory) == nullptr) return {};
  const char* text = dwarf_formstring(&memory);
  return text == nullptr ? std::string_view{} : text;
}

// The .dwo file of a skeleton unit (3.1.3), empty if the unit is not one.
std::filesystem::path split_file(Dwarf_Die& unit) {
  std::filesystem::path name = attribute_string(unit, DW_AT_dwo_name);
  if (name.empty()) name = attribute_string(unit, DW_AT_GNU_dwo_name);
  if (name.empty()) return name;
  return std::filesystem::path{attribute_string(unit, DW_AT_comp_dir)} / name;
}

}  // namespace

class IndexBuilder {
 public:
  explicit IndexBuilder(const IndexOptions& options) : options_(options) {}

  Result<DwarfIndex> run(Dwarf* dwarf) {
    if (auto added = add_session(dwarf); !added) return tl::unexpected{added.error()};
    while (!sessions_.empty()) {
      Dwarf* session = sessions_.front();
      sessions_.pop_front();
      if (auto done = read_units(session); !done) return tl::unexpected{done.error()};
    }
    std::sort(index_.enclosed_.begin(), index_.enclosed_.end());
    // What was first declared in its class and defined outside of it (DW_AT_specification) takes its
    // scope from there, and so can be named only now.
    for (Dwarf_Die& die : out_of_line_) add_definition(die, index_.scope_of(die));
    return std::move(index_);
  }

 private:
  // Scopes are spelled only when something named turns up in them: until then `id` is empty.
  struct Level {
    std::optional<ScopeId> id = 0;
    std::string_view name = {};
    bool is_local = false;  // in a function: its names stand for themselves
  };

  Result<void> add_session(Dwarf* dwarf) {
    if (dwarf == nullptr || !known_sessions_.insert(dwarf).second) return {};
    if (!has_terminated_strings(dwarf_getelf(dwarf))) {
      return fail({.code = Errc::bad_debug_info,
                   .operation = "reading debug information",
                   .hint = "its strings have no end"});
    }
    sessions_.push_back(dwarf);
    return {};
  }

  Result<void> read_units(Dwarf* dwarf) {
    if (auto added = add_session(dwarf_getalt(dwarf)); !added) return added;
    Dwarf_CU* unit = nullptr;
    for (;;) {
      Dwarf_Die unit_die;
      std::uint8_t type = 0;
      const int found = dwarf_get_units(dwarf, unit, &unit, nullptr, &type, &unit_die, nullptr);
      if (found == 1) return {};
      if (found != 0) {
        return fail({.code = Errc::bad_debug_info,
                     .operation = "reading a unit of debug information",
                     .hint = dwarf_errmsg(-1)});
      }
      if (unit_die.addr == nullptr) continue;  // of a kind that libdw does not know
      if (type == DW_UT_skeleton) {
        if (const auto path = split_file(unit_die); !path.empty()) {
          if (auto followed = follow_split(unit, path); !followed) return followed;
          continue;
        }
      }
      levels_.assign(1, Level{});
      const auto enter = [&](Dwarf_Die& die) { return visit(die); };
      const auto leave = [&] { levels_.pop_back(); };
      if (!walk(unit_die, enter, leave)) {
        return fail({.code = Errc::bad_debug_info,
                     .operation = "reading debug information",
                     .number = dwarf_dieoffset(&unit_die),
                     .hint = "its tree of entries is corrupt"});
      }
    }
  }

  // libdw opens what a skeleton unit names, so see first that it is a plain file. The units in there are
  // walked as a session of their own.
  Result<void> follow_split(Dwarf_CU* unit, const std::filesystem::path& path) {
    Dwarf_Die split{};
    if (!is_plain_file(path) ||
        dwarf_cu_info(unit, nullptr, nullptr, nullptr, &split, nullptr, nullptr, nullptr) != 0 ||
        split.addr == nullptr) {
      index_.missing_files_.push_back(printable(path.string()));
      return {};
    }
    return add_session(dwarf_cu_getdwarf(split.cu));
  }

  // True: walk() goes on to the children, and calls leave() behind them.
  bool visit(Dwarf_Die& die) {
    const int tag = dwarf_tag(&die);
    switch (tag) {
      case DW_TAG_compile_unit:
      case DW_TAG_partial_unit:
      case DW_TAG_type_unit:
      case DW_TAG_skeleton_unit:
        return push({});
      case DW_TAG_namespace: {
        const std::string_view name = raw_name(die);
        return push({.id = {}, .name = name.empty() ? std::string_view{"(anonymous namespace)"} : name});
      }
      case DW_TAG_structure_type:
      case DW_TAG_class_type:
      case DW_TAG_union_type:
        note_type(die);
        return push({.id = {}, .name = record_name(die), .is_local = levels_.back().is_local});
      case DW_TAG_enumeration_type:
      case DW_TAG_typedef:
        note_type(die);
        return false;
      case DW_TAG_base_type:
        if (options_.all_types) note_named(die, 0);
        return false;
      case DW_TAG_subprogram:
      case DW_TAG_inlined_subroutine:
      case DW_TAG_lexical_block:
      case DW_TAG_try_block:
      case DW_TAG_catch_block:
        return push({.is_local = true});
      case DW_TAG_variable:
        note_variable(die);
        return false;
      default:
        return false;
    }
  }

  // In a type unit, an enclosing class may be there by its signature only.
  static std::string_view record_name(Dwarf_Die& die) {
    if (!raw_name(die).empty() || !has(die, DW_AT_signature)) return raw_name(die);
    auto definition = reference(die, DW_AT_signature);
    return definition ? raw_name(*definition) : std::string_view{};
  }

  bool push(Level level) {
    levels_.push_back(level);
    return true;
  }

  // What a DIE stands in while it is visited.
  ScopeId current_scope() {
    std::size_t from = levels_.size() - 1;
    while (!levels_[from].id) --from;  // the bottom has one
    for (; from + 1 < levels_.size(); ++from) {
      Level& inner = levels_[from + 1];
      if (!inner.id)
        inner.id = inner.name.empty() ? *levels_[from].id : intern(*levels_[from].id, inner.name);
    }
    return *levels_.back().id;
  }

  ScopeId intern(ScopeId outer, std::string_view name) {
    const auto [place, is_new] =
        scope_ids_.try_emplace({outer, name}, static_cast<ScopeId>(index_.scopes_.size()));
    if (is_new) index_.scopes_.push_back(index_.scopes_[outer] + printable(name) + "::");
    return place->second;
  }

  void note_type(Dwarf_Die& die) {
    const ScopeId scope = current_scope();
    if (scope != 0) index_.enclosed_.emplace_back(key(die), scope);
    if (raw_name(die).empty() || flag(die, DW_AT_declaration) || has(die, DW_AT_signature)) return;
    if (has(die, DW_AT_specification)) {
      out_of_line_.push_back(die);
    } else if (levels_.back().is_local) {
      if (options_.all_types) note_named(die, scope);
    } else {
      add_definition(die, scope);
    }
  }

  void add_definition(Dwarf_Die& die, ScopeId scope) {
    if (dwarf_tag(&die) != DW_TAG_typedef) index_.definitions_.try_emplace({scope, raw_name(die)}, die);
    if (options_.all_types) note_named(die, scope);
  }

  // Headers repeat their types in each unit; the reader would find that out too, at greater cost.
  void note_named(Dwarf_Die& die, ScopeId scope) {
    const std::string_view name = raw_name(die);
    if (name.empty()) return;
    std::size_t hash = DwarfIndex::NameHash{}({scope, name});
    for (const std::uint64_t fact :
         {static_cast<std::uint64_t>(dwarf_tag(&die)), number(die, DW_AT_byte_size).value_or(0),
          number(die, DW_AT_decl_line).value_or(0)}) {
      hash = (hash ^ fact) * 0x9e3779b97f4a7c15ULL;
      hash ^= hash >> 29;
    }
    if (named_.insert(hash).second) index_.named_types_.push_back(die);
  }

  void note_variable(Dwarf_Die& die) {
    if (!may_be_static(die)) return;
    const std::string_view name = raw_name(die);
    if (name.starts_with(kMarkPrefix)) index_.marks_.push_back(die);
    if (name.starts_with(kTriggerPrefix)) index_.triggers_.push_back(die);
  }

  IndexOptions options_;
  DwarfIndex index_;
  std::deque<Dwarf*> sessions_;
  std::unordered_set<Dwarf*> known_sessions_;
  std::vector<Level> levels_;
  std::unordered_map<DwarfIndex::Name, ScopeId, DwarfIndex::NameHash> scope_ids_;
  std::unordered_set<std::size_t> named_;
  std::vector<Dwarf_Die> out_of_line_;
};

Result<DwarfIndex> DwarfIndex::build(Dwarf* dwarf, const IndexOptions& options) {
  return IndexBuilder{options}.run(dwarf);
}

ScopeId DwarfIndex::scope_of(Dwarf_Die& type) const {
  Dwarf_Die die = type;
  if (const auto declared = reference(die, DW_AT_specification)) die = *declared;
  const auto found = std::lower_bound(enclosed_.begin(), enclosed_.end(), std::pair{key(die), ScopeId{0}});
  return found != enclosed_.end() && found->first == key(die) ? found->second : 0;
}

std::string DwarfIndex::qualified_name(Dwarf_Die& type) const {
  const std::string_view name = raw_name(type);
  return name.empty() ? std::string{} : scopes_[scope_of(type)] + printable(name);
}

std::optional<Dwarf_Die> DwarfIndex::definition_of(Dwarf_Die& declaration) const {
  const auto found = definitions_.find({scope_of(declaration), raw_name(declaration)});
  if (found == definitions_.end()) return std::nullopt;
  Dwarf_Die definition = found->second;
  const int wanted = dwarf_tag(&declaration);
  const int tag = dwarf_tag(&definition);
  const bool same = tag == wanted || (tag != DW_TAG_union_type && is_record(tag) &&
                                      wanted != DW_TAG_union_type && is_record(wanted));
  return same ? std::optional{definition} : std::nullopt;
}

}  // namespace vmitap::types::dwarf
