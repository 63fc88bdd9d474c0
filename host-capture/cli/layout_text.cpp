// SPDX-License-Identifier: MIT
#include "cli/layout_text.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "base/printable.hpp"

namespace vmitap::cli {
namespace {

using nlohmann::ordered_json;
using types::Catalog;
using types::Kind;
using types::Member;
using types::RecordKind;
using types::Type;
using types::TypeId;

constexpr int kNestingMax = 64;       // of anonymous records; deeper ones are named, not unfolded
constexpr std::size_t kComment = 52;  // column of the offsets

const char* keyword(RecordKind kind) {
  switch (kind) {
    case RecordKind::struct_:
      return "struct";
    case RecordKind::union_:
      return "union";
    case RecordKind::class_:
      return "class";
  }
  return "struct";
}

bool is_unnamed_definition(const Type& type) {
  return (type.kind == Kind::record || type.kind == Kind::enumeration) && type.name.empty() &&
         !type.is_declaration;
}

class Writer {
 public:
  explicit Writer(const Catalog& catalog) : catalog_(catalog) {}

  std::string definition(TypeId id) {
    const Type& type = catalog_[id];
    const TypeId target = type.kind == Kind::typedef_ ? catalog_.strip(id) : id;
    const bool renames = target != id && is_unnamed_definition(catalog_[target]);
    if (target != id && !renames) {
      line(fmt::format("typedef {};", catalog_.spelling(type.target, type.name)));
      if (catalog_[target].kind != Kind::record && catalog_[target].kind != Kind::enumeration) {
        return std::move(text_);
      }
    }
    const Type& body = catalog_[target];
    if (renames) return unnamed(target, " " + type.name + ";", "typedef ");
    if (body.kind == Kind::record) {
      record(body, "", ";", 0, 0);
    } else if (body.kind == Kind::enumeration) {
      enumeration(body, "", ";", 0);
    } else {
      line(fmt::format("{};  /* {} bytes */", catalog_.spelling(target), body.size));
    }
    return std::move(text_);
  }

  std::string unnamed(TypeId id, const std::string& tail, const std::string& head = "") {
    const Type& type = catalog_[id];
    if (type.kind == Kind::record) record(type, head, tail, 0, 0);
    if (type.kind == Kind::enumeration) enumeration(type, head, tail, 0);
    return std::move(text_);
  }

 private:
  void line(const std::string& code, const std::string& comment = {}) {
    const std::string shown = printable(code);
    text_ += comment.empty() ? shown + "\n" : fmt::format("{:<{}} /* {} */\n", shown, kComment, comment);
  }

  static std::string indent(int depth) { return std::string(static_cast<std::size_t>(depth) * 4, ' '); }

  void enumeration(const Type& type, const std::string& head, const std::string& tail, int depth) {
    line(fmt::format("{}{}enum{} {{", indent(depth), head, type.name.empty() ? "" : " " + type.name),
         fmt::format("{} bytes", type.size));
    for (const types::Enumerator& enumerator : type.enumerators) {
      const std::string value = type.is_signed
                                    ? fmt::format("{}", enumerator.value)
                                    : fmt::format("{}", static_cast<std::uint64_t>(enumerator.value));
      line(fmt::format("{}{} = {},", indent(depth + 1), enumerator.name, value));
    }
    line(fmt::format("{}}}{}", indent(depth), tail));
  }

  void gap(std::uint64_t bits, const char* what, int depth) {
    const std::uint64_t bytes = bits / 8;
    std::string size = bytes != 0 ? fmt::format("{} byte{}", bytes, bytes == 1 ? "" : "s") : "";
    if (bits % 8 != 0) {
      size += fmt::format("{}{} bit{}", bytes != 0 ? ", " : "", bits % 8, bits % 8 == 1 ? "" : "s");
    }
    text_ += fmt::format("{}/* {} of {} */\n", indent(depth), what, size);
  }

  // `base`: where the record starts in the outermost one.
  void record(const Type& type, const std::string& head, const std::string& tail, std::uint64_t base,
              int depth) {
    std::string bases;
    for (const Member& member : type.members) {
      if (!member.is_base) continue;
      bases += fmt::format("{}{}{}", bases.empty() ? " : " : ", ", member.is_virtual_base ? "virtual " : "",
                           member.name);
    }
    line(fmt::format("{}{}{}{}{} {{", indent(depth), head, keyword(type.record),
                     type.name.empty() ? "" : " " + type.name, bases),
         type.is_declaration ? "declared only: its members are not known"
                             : fmt::format("{} bytes", type.size));
    std::uint64_t end = 0;  // of what is covered so far, in bits
    for (const Member& member : type.members) {
      if (member.is_virtual_base) continue;
      const std::uint64_t start = member.bit_size != 0 ? member.bit_offset : member.offset * 8;
      const std::uint64_t size = member.bit_size != 0 ? member.bit_size : catalog_[member.type].size * 8;
      if (type.record != RecordKind::union_ && start > end) gap(start - end, "hole", depth + 1);
      one(member, base, depth + 1);
      end = std::max(end, start + size);
    }
    if (type.record != RecordKind::union_ && type.size * 8 > end)
      gap(type.size * 8 - end, "padding", depth + 1);
    line(fmt::format("{}}}{}", indent(depth), tail));
  }

  void one(const Member& member, std::uint64_t base, int depth) {
    const Type& type = catalog_[member.type];
    if (member.bit_size != 0) {
      const std::uint64_t bit = base * 8 + member.bit_offset;
      line(fmt::format("{}{} : {};", indent(depth), catalog_.spelling(member.type, member.name),
                       member.bit_size),
           fmt::format("{:>5}:{} {:>5} bits", bit / 8, bit % 8, member.bit_size));
      return;
    }
    const std::string tail = member.name.empty() ? ";" : " " + member.name + ";";
    const std::uint64_t offset = base + member.offset;
    if (is_unnamed_definition(type) && depth < kNestingMax) {
      if (type.kind == Kind::record) {
        record(type, "", tail, offset, depth);
      } else {
        enumeration(type, "", tail, depth);
      }
      // The place of the whole stands on its closing line.
      text_.pop_back();
      const std::size_t last = text_.rfind('\n') + 1;
      const std::string closing = text_.substr(last);
      text_.resize(last);
      line(closing, place(offset, type));
      return;
    }
    const std::string code = member.is_base ? fmt::format("/* base {} */", member.name)
                                            : catalog_.spelling(member.type, member.name) + ";";
    line(indent(depth) + code, place(offset, type));
  }

  static std::string place(std::uint64_t offset, const Type& type) {
    return fmt::format("{:>5}   {:>5}", offset, type.size);
  }

  const Catalog& catalog_;
  std::string text_;
};

const char* kind_name(Kind kind) {
  switch (kind) {
    case Kind::void_:
      return "void";
    case Kind::boolean:
      return "boolean";
    case Kind::integer:
      return "integer";
    case Kind::character:
      return "character";
    case Kind::floating:
      return "floating";
    case Kind::enumeration:
      return "enumeration";
    case Kind::pointer:
      return "pointer";
    case Kind::array:
      return "array";
    case Kind::record:
      return "record";
    case Kind::typedef_:
      return "typedef";
    case Kind::function:
      return "function";
    case Kind::opaque:
      return "opaque";
  }
  return "opaque";
}

ordered_json members_json(const Catalog& catalog, const Type& type, int depth) {
  ordered_json members = ordered_json::array();
  for (const Member& member : type.members) {
    const Type& of = catalog[member.type];
    ordered_json json{{"name", printable(member.name)},
                      {"type", printable(catalog.spelling(member.type))},
                      {"offset", member.offset},
                      {"size", of.size}};
    if (member.bit_size != 0) {
      json["offset"] = member.bit_offset / 8;
      json["bit_offset"] = member.bit_offset;
      json["bit_size"] = member.bit_size;
    }
    if (member.is_base) json["base"] = member.is_virtual_base ? "virtual" : "plain";
    if (is_unnamed_definition(of) && of.kind == Kind::record && depth < kNestingMax) {
      json["members"] = members_json(catalog, of, depth + 1);
    }
    members.push_back(std::move(json));
  }
  return members;
}

}  // namespace

std::string layout_text(const Catalog& catalog, TypeId id) { return Writer(catalog).definition(id); }

TypeId unnamed_definition(const Catalog& catalog, TypeId id) {
  for (int depth = 0; depth < kNestingMax; ++depth) {
    const Type& type = catalog[id];
    if (is_unnamed_definition(type)) return id;
    const bool leads_on = type.kind == Kind::pointer || type.kind == Kind::array ||
                          (type.kind == Kind::typedef_ && type.name.empty());
    if (!leads_on) return 0;
    id = type.target;
  }
  return 0;
}

std::string unnamed_layout_text(const Catalog& catalog, TypeId id, const std::string& name) {
  constexpr std::string_view body = "{...}";
  const std::string declaration = catalog.spelling(id, name);
  const std::string declarator = declaration.substr(declaration.find(body) + body.size());
  return Writer(catalog).unnamed(unnamed_definition(catalog, id), declarator + ";");
}

ordered_json layout_json(const Catalog& catalog, TypeId id) {
  const Type& body = catalog[catalog.strip(id)];
  ordered_json json{{"name", printable(catalog[id].name)},
                    {"type", printable(catalog.spelling(id))},
                    {"kind", body.kind == Kind::record ? keyword(body.record) : kind_name(body.kind)},
                    {"size", body.size}};
  if (body.is_declaration) json["declaration"] = true;
  if (body.kind == Kind::record) json["members"] = members_json(catalog, body, 0);
  if (body.kind == Kind::enumeration) {
    ordered_json& enumerators = json["enumerators"] = ordered_json::array();
    for (const types::Enumerator& enumerator : body.enumerators) {
      ordered_json entry{{"name", printable(enumerator.name)}};
      if (body.is_signed) {
        entry["value"] = enumerator.value;
      } else {
        entry["value"] = static_cast<std::uint64_t>(enumerator.value);
      }
      enumerators.push_back(std::move(entry));
    }
  }
  return json;
}

std::vector<TypeId> definitions(const Catalog& catalog) {
  std::vector<TypeId> ids;
  for (TypeId id = 1; id < catalog.types.size(); ++id) {
    const Type& type = catalog[id];
    if (type.name.empty()) continue;
    const bool defined =
        (type.kind == Kind::record || type.kind == Kind::enumeration) && !type.is_declaration;
    const bool renames = type.kind == Kind::typedef_ && is_unnamed_definition(catalog[catalog.strip(id)]);
    if (defined || renames) ids.push_back(id);
  }
  std::ranges::stable_sort(ids, {}, [&](TypeId id) -> const std::string& { return catalog[id].name; });
  return ids;
}

}  // namespace vmitap::cli
