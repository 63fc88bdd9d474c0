// SPDX-License-Identifier: MIT
// The relocations that stand in debug sections: plain absolute addresses and offsets into other sections
// (System V ABI, AMD64 supplement, 4.4; ELF for the Arm 64-bit Architecture, 5.7).
#include "types/elf_relocate.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <cstring>
#include <optional>

namespace vmitap::types {
namespace {

// Of all sections together, which may share their bytes in the file. Large drivers have a few millions.
constexpr std::size_t kEntriesMax = 1 << 25;

// Bytes that a relocation writes; 0: it says nothing that is read here. Nothing: it is not known.
std::optional<std::size_t> width_of(GElf_Half machine, std::uint64_t type) {
  if (machine == EM_X86_64) {
    switch (type) {
      case R_X86_64_64:
        return 8;
      case R_X86_64_32:
      case R_X86_64_32S:
        return 4;
      case R_X86_64_NONE:
      case R_X86_64_DTPOFF32:  // thread-local
      case R_X86_64_DTPOFF64:
        return 0;
      default:
        return std::nullopt;
    }
  }
  switch (type) {
    case R_AARCH64_ABS64:
      return 8;
    case R_AARCH64_ABS32:
      return 4;
    case R_AARCH64_NONE:
    case R_AARCH64_TLS_DTPREL:
      return 0;
    default:
      return std::nullopt;
  }
}

class Relocator {
 public:
  Relocator(const ElfFile& object, GElf_Half machine) : object_(object), machine_(machine) {}

  Result<void> run() {
    std::size_t names = 0;
    if (elf_getshdrstrndx(elf(), &names) != 0) return bad("its section names cannot be read");
    for (Elf_Scn* section = elf_nextscn(elf(), nullptr); section != nullptr;
         section = elf_nextscn(elf(), section)) {
      GElf_Shdr header;
      if (gelf_getshdr(section, &header) == nullptr || header.sh_type != SHT_RELA) continue;
      Elf_Scn* target = elf_getscn(elf(), header.sh_info);
      GElf_Shdr target_header;
      if (target == nullptr || gelf_getshdr(target, &target_header) == nullptr) continue;
      const char* name = elf_strptr(elf(), names, target_header.sh_name);
      const bool is_wanted = name != nullptr && is_debug_section(name) &&
                             target_header.sh_type != SHT_NOBITS &&
                             (target_header.sh_flags & SHF_COMPRESSED) == 0;  // libdw leaves it alone, too
      if (!is_wanted) continue;
      if (auto done = apply(section, header, target); !done) return done;
    }
    return {};
  }

 private:
  [[nodiscard]] Elf* elf() const { return object_.elf(); }
  [[nodiscard]] tl::unexpected<Error> bad(std::string hint) const {
    return fail({.code = Errc::bad_debug_info,
                 .operation = "relocating debug information",
                 .subject = object_.path(),
                 .hint = std::move(hint)});
  }

  Result<void> apply(Elf_Scn* section, const GElf_Shdr& header, Elf_Scn* target) {
    if (header.sh_size / sizeof(Elf64_Rela) > entries_left_) return bad("it has too many relocations");
    Elf_Data* entries = elf_getdata(section, nullptr);
    Elf_Data* bytes = elf_rawdata(target, nullptr);
    Elf_Scn* table = elf_getscn(elf(), header.sh_link);
    GElf_Shdr table_header;
    if (entries == nullptr || bytes == nullptr || table == nullptr ||
        gelf_getshdr(table, &table_header) == nullptr || table_header.sh_type != SHT_SYMTAB) {
      return bad("its relocations cannot be read");
    }
    Elf_Data* symbols = elf_getdata(table, nullptr);
    if (symbols == nullptr) return bad("its symbols cannot be read");
    const std::size_t count = std::min<std::size_t>(entries->d_size / sizeof(Elf64_Rela), INT32_MAX);
    entries_left_ -= std::min(count, entries_left_);
    for (std::size_t i = 0; i < count; ++i) {
      GElf_Rela entry;
      GElf_Sym symbol;
      if (gelf_getrela(entries, static_cast<int>(i), &entry) == nullptr)
        return bad("a relocation is cut off");
      const auto width = width_of(machine_, GELF_R_TYPE(entry.r_info));
      if (!width) {
        return bad(fmt::format("it has a relocation of type {}, which none has that is known",
                               std::uint64_t{GELF_R_TYPE(entry.r_info)}));
      }
      if (*width == 0) continue;
      if (GELF_R_SYM(entry.r_info) > INT32_MAX ||
          gelf_getsym(symbols, static_cast<int>(GELF_R_SYM(entry.r_info)), &symbol) == nullptr) {
        return bad("a relocation names a symbol that is not there");
      }
      if (bytes->d_buf == nullptr || *width > bytes->d_size || entry.r_offset > bytes->d_size - *width) {
        return bad("a relocation is beyond the end of its section");
      }
      const std::uint64_t value = address_of(symbol) + static_cast<std::uint64_t>(entry.r_addend);
      std::memcpy(static_cast<char*>(bytes->d_buf) + entry.r_offset, &value, *width);  // little-endian
    }
    return {};
  }

  [[nodiscard]] std::uint64_t address_of(const GElf_Sym& symbol) const {
    if (symbol.st_shndx == SHN_UNDEF || symbol.st_shndx >= SHN_LORESERVE) return symbol.st_value;
    if (symbol.st_shndx == object_.sites_section()) return symbol.st_value;
    GElf_Shdr header;
    Elf_Scn* section = elf_getscn(elf(), symbol.st_shndx);
    if (section == nullptr || gelf_getshdr(section, &header) == nullptr) return symbol.st_value;
    if ((header.sh_flags & SHF_ALLOC) == 0) return symbol.st_value;
    return kOtherSections * symbol.st_shndx + symbol.st_value;
  }

  const ElfFile& object_;
  GElf_Half machine_;
  std::size_t entries_left_ = kEntriesMax;
};

}  // namespace

Result<void> relocate_debug_info(const ElfFile& object) {
  GElf_Ehdr header;
  if (gelf_getehdr(object.elf(), &header) == nullptr ||
      (header.e_machine != EM_X86_64 && header.e_machine != EM_AARCH64)) {
    return fail(
        {.code = Errc::unsupported,
         .operation = "relocating debug information",
         .subject = object.path() + ", a relocatable object of a machine other than x86-64 and arm64"});
  }
  return Relocator{object, header.e_machine}.run();
}

}  // namespace vmitap::types
