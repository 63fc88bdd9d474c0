// SPDX-License-Identifier: MIT
#include "types/expression_members.hpp"

#include <vector>

#include "base/nearest.hpp"

namespace vmitap::types {
namespace {

class Search {
 public:
  Search(const Catalog& catalog, std::string_view name) : catalog_(catalog) {
    const std::size_t colons = name.rfind("::");
    if (colons != std::string_view::npos) {
      qualifier_ = name.substr(0, colons);
      name.remove_prefix(colons + 2);
    }
    name_ = name;
  }

  // Stops at the first record on each way that has the name: it hides those below.
  void run(TypeId record, std::uint64_t offset, bool is_qualified) {
    const Type& type = catalog_[record];
    if (!qualifier_.empty() && is_name(type.name, qualifier_)) is_qualified = true;
    const std::size_t before = found.size();
    if (qualifier_.empty() || is_qualified) look_at(type, offset);
    if (found.size() != before) return;
    for (const Member& member : type.members) {
      if (!is_base(type, member) || !spend()) continue;
      const TypeId base = catalog_.strip(member.type);
      if (member.is_virtual_base) {
        Search below{*this};
        below.found.clear();
        below.run(base, 0, is_qualified);
        if (!below.found.empty()) is_virtual = true;
      } else {
        run(base, offset + member.offset, is_qualified);
      }
    }
  }

  std::vector<FoundMember> found;
  std::vector<std::string_view> names;  // all that were passed
  std::vector<std::string> owners;
  bool is_virtual = false;

 private:
  void look_at(const Type& type, std::uint64_t offset) {
    for (const Member& member : type.members) {
      if (!spend() || member.is_virtual_base) continue;
      if (!member.name.empty()) {
        names.push_back(member.name);
        if (member.name != name_) continue;
        found.push_back({&member, offset});
        owners.push_back(type.name + "::" + member.name);
      } else if (const TypeId inner = catalog_.strip(member.type); catalog_[inner].kind == Kind::record) {
        look_at(catalog_[inner], offset + member.offset);
      }
    }
  }

  // C derives a struct from another by having it as its first member: a struct tcp_sock is an
  // inet_connection_sock, which is an inet_sock, which is a sock.
  bool is_base(const Type& type, const Member& member) const {
    if (member.is_base) return true;
    return type.record == RecordKind::struct_ && &member == &type.members.front() && member.offset == 0 &&
           member.bit_size == 0 && !member.name.empty() &&
           catalog_[catalog_.strip(member.type)].kind == Kind::record &&
           catalog_[catalog_.strip(member.type)].record == RecordKind::struct_;
  }

  // "Base" and "ns::Base" for ns::Base.
  static bool is_name(std::string_view name, std::string_view wanted) {
    if (!name.ends_with(wanted)) return false;
    name.remove_suffix(wanted.size());
    return name.empty() || name.ends_with("::");
  }

  // A hostile catalog can name the same member exponentially often.
  bool spend() { return budget_ != 0 && --budget_ != 0; }

  const Catalog& catalog_;
  std::string_view qualifier_;
  std::string_view name_;
  std::size_t budget_ = 1u << 18;
};

}  // namespace

Result<FoundMember> find_member(const Catalog& catalog, TypeId record, const std::string& name) {
  Search search{catalog, name};
  search.run(record, 0, false);
  if (search.found.size() == 1) return search.found[0];
  if (search.found.size() > 1) {
    std::string candidates = search.owners[0];
    for (std::size_t i = 1; i < search.owners.size(); ++i) candidates += ", " + search.owners[i];
    return fail({.code = Errc::ambiguous_name, .subject = name, .hint = candidates});
  }
  if (search.is_virtual)
    return fail({.code = Errc::unsupported, .subject = name + ", a member of a virtual base"});
  return fail({.code = Errc::unknown_name,
               .operation = "among the members",
               .subject = name,
               .hint = nearest(name, search.names)});
}

}  // namespace vmitap::types
