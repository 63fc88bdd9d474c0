// SPDX-License-Identifier: MIT
// Writes BTF by hand: what no compiler would, and what only a kernel's build does.
#pragma once

#include <linux/btf.h>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <initializer_list>
#include <string>
#include <string_view>
#include <vector>

namespace vmitap::types {

class BtfMaker {
 public:
  struct Member {
    const char* name;
    std::uint32_t type;
    std::uint32_t bit;
    std::uint32_t bit_size = 0;  // not 0: all members of the record must be given with kind_flag
  };
  struct Enumerator {
    const char* name;
    std::uint64_t value;
  };

  std::uint32_t integer(const char* name, std::uint32_t size, unsigned encoding, unsigned bits = 0) {
    return type(name, BTF_KIND_INT, size, {encoding << 24 | (bits != 0 ? bits : size * 8)});
  }
  std::uint32_t link(unsigned kind, std::uint32_t target, const char* name = "") {
    return type(name, kind, target, {});
  }
  std::uint32_t pointer(std::uint32_t target) { return link(BTF_KIND_PTR, target); }
  std::uint32_t array(std::uint32_t element, std::uint32_t count) {
    return type("", BTF_KIND_ARRAY, 0, {element, element, count});
  }
  std::uint32_t record(const char* name, std::uint32_t size, std::initializer_list<Member> members,
                       unsigned kind = BTF_KIND_STRUCT) {
    std::vector<std::uint32_t> words;
    bool has_bits = false;
    for (const Member& member : members) {
      words.insert(words.end(), {text(member.name), member.type, member.bit_size << 24 | member.bit});
      has_bits = has_bits || member.bit_size != 0;
    }
    return type(name, kind, size, words, static_cast<unsigned>(members.size()), has_bits);
  }
  std::uint32_t enumeration(const char* name, std::uint32_t size, bool is_signed,
                            std::initializer_list<Enumerator> values) {
    std::vector<std::uint32_t> words;
    for (const Enumerator& each : values) {
      words.insert(words.end(), {text(each.name), static_cast<std::uint32_t>(each.value)});
      if (size == 8) words.push_back(static_cast<std::uint32_t>(each.value >> 32));
    }
    return type(name, size == 8 ? BTF_KIND_ENUM64 : BTF_KIND_ENUM, size, words,
                static_cast<unsigned>(values.size()), is_signed);
  }
  std::uint32_t variable(const char* name, std::uint32_t of) { return type(name, BTF_KIND_VAR, of, {1}); }
  std::uint32_t section(const char* name, std::initializer_list<std::uint32_t> variables) {
    std::vector<std::uint32_t> words;
    for (const std::uint32_t id : variables) words.insert(words.end(), {id, 0, 8});
    return type(name, BTF_KIND_DATASEC, 0, words, static_cast<unsigned>(variables.size()));
  }
  // Any type: `size` is btf_type.size or .type.
  std::uint32_t type(const char* name, unsigned kind, std::uint32_t size,
                     const std::vector<std::uint32_t>& rest, unsigned vlen = 0, bool kind_flag = false) {
    const std::uint32_t info = (kind_flag ? 1u << 31 : 0) | kind << 24 | vlen;
    types_.insert(types_.end(), {text(name), info, size});
    types_.insert(types_.end(), rest.begin(), rest.end());
    return ++last_;
  }

  [[nodiscard]] std::vector<std::byte> bytes() const {
    const auto types_size = static_cast<std::uint32_t>(types_.size() * 4);
    const btf_header header{.magic = BTF_MAGIC,
                            .version = BTF_VERSION,
                            .flags = 0,
                            .hdr_len = sizeof header,
                            .type_off = 0,
                            .type_len = types_size,
                            .str_off = types_size,
                            .str_len = static_cast<std::uint32_t>(strings_.size())};
    std::vector<std::byte> result(sizeof header + types_size + strings_.size());
    std::memcpy(result.data(), &header, sizeof header);
    std::memcpy(result.data() + sizeof header, types_.data(), types_size);
    std::memcpy(result.data() + sizeof header + types_size, strings_.data(), strings_.size());
    return result;
  }

 private:
  std::uint32_t text(std::string_view name) {
    if (name.empty()) return 0;
    const auto at = static_cast<std::uint32_t>(strings_.size());
    strings_.append(name).push_back('\0');
    return at;
  }

  std::vector<std::uint32_t> types_;
  std::string strings_ = std::string(1, '\0');
  std::uint32_t last_ = 0;
};

}  // namespace vmitap::types
