// SPDX-License-Identifier: MIT
#include "types/elf_file.hpp"

#include <elfutils/libdwelf.h>
#include <fcntl.h>
#include <fmt/core.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <string_view>

namespace vmitap::types {
namespace {

// zlib cannot do better than 1032:1; a header that promises more is a lie.
constexpr std::uint64_t kInflateRatioMax = 1032;
constexpr std::uint64_t kInflatedMax = 4ULL << 30;
constexpr std::string_view kSitesSection = "vmitap_sites";

// Also true for files of little use: R_X86_64_RELATIVE and R_AARCH64_RELATIVE are the machines vmitap knows.
bool is_relative(GElf_Half machine, std::uint64_t type) {
  return (machine == EM_X86_64 && type == R_X86_64_RELATIVE) ||
         (machine == EM_AARCH64 && type == R_AARCH64_RELATIVE);
}

}  // namespace

bool is_debug_section(std::string_view name) {
  return name.starts_with(".debug_") || name.starts_with(".zdebug_") ||
         name.starts_with(".gnu.debuglto_.debug_");
}

std::string to_hex(std::span<const std::byte> bytes) {
  std::string text;
  for (const std::byte b : bytes) text += fmt::format("{:02x}", std::to_integer<unsigned>(b));
  return text;
}

tl::unexpected<Error> ElfFile::bad(std::string hint) const {
  return fail(
      {.code = Errc::bad_file, .operation = "reading ELF", .subject = path_, .hint = std::move(hint)});
}

Result<ElfFile> ElfFile::open(const std::string& path, ElfRole role) {
  elf_version(EV_CURRENT);
  // O_NONBLOCK: a path out of a guest may lead to a FIFO.
  Fd fd{::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY)};
  struct stat info {};
  if (!fd) return fail({.code = Errc::io, .operation = "open", .subject = path, .sys = errno});
  if (::fstat(fd.get(), &info) != 0)
    return fail({.code = Errc::io, .operation = "fstat", .subject = path, .sys = errno});
  if (!S_ISREG(info.st_mode)) {
    return fail(
        {.code = Errc::bad_file, .operation = "reading ELF", .subject = path, .hint = "not a regular file"});
  }
  Elf* elf = elf_begin(fd.get(), ELF_C_READ, nullptr);
  ElfFile file{path, std::move(fd), elf};
  if (elf == nullptr || elf_kind(elf) != ELF_K_ELF) return file.bad("not an ELF file");
  const auto size = static_cast<std::uint64_t>(info.st_size);
  if (auto checked = file.check_header(role, size); !checked) return tl::unexpected{checked.error()};
  if (auto checked = file.check_sections(size); !checked) {
    return tl::unexpected{checked.error()};
  }
  if (auto done = file.read_segments(); !done) return tl::unexpected{done.error()};
  file.find_build_id();
  return file;
}

Result<void> ElfFile::check_header(ElfRole role, std::uint64_t file_size) {
  GElf_Ehdr header;
  if (gelf_getehdr(elf_.get(), &header) == nullptr) return bad("its ELF header is cut off");
  if (header.e_ident[EI_CLASS] != ELFCLASS64) return bad("not a 64-bit ELF file");
  if (header.e_ident[EI_DATA] != ELFDATA2LSB) return bad("not a little-endian ELF file");
  if (role == ElfRole::object) {
    is_relocatable_ = header.e_type == ET_REL;
    if (!is_relocatable_ && header.e_type != ET_EXEC && header.e_type != ET_DYN)
      return bad("neither a program, nor a shared object, nor a kernel module");
  }
  // libelf takes a table that is not there for one without entries.
  const std::uint64_t sections_size = sizeof(Elf64_Shdr) * header.e_shnum;
  const std::uint64_t segments_size = sizeof(Elf64_Phdr) * header.e_phnum;
  if (header.e_shoff > file_size || sections_size > file_size - header.e_shoff ||
      header.e_phoff > file_size || segments_size > file_size - header.e_phoff) {
    return bad("the file is cut off");
  }
  return {};
}

Result<void> ElfFile::check_sections(std::uint64_t file_size) {
  std::size_t count = 0;
  std::size_t names = 0;
  if (elf_getshdrnum(elf_.get(), &count) != 0) return bad("its section headers cannot be read");
  if (count == 0) return {};
  if (elf_getshdrstrndx(elf_.get(), &names) != 0) return bad("its section names cannot be read");
  std::uint64_t inflated = 0;
  for (std::size_t i = 1; i < count; ++i) {
    Elf_Scn* section = elf_getscn(elf_.get(), i);
    GElf_Shdr header;
    if (section == nullptr || gelf_getshdr(section, &header) == nullptr) {
      return bad(fmt::format("section {} cannot be read", i));
    }
    if (header.sh_type != SHT_NOBITS &&
        (header.sh_offset > file_size || header.sh_size > file_size - header.sh_offset)) {
      return bad(fmt::format("section {} reaches beyond the end of the file", i));
    }
    const char* name_text = elf_strptr(elf_.get(), names, header.sh_name);
    const std::string_view name = name_text == nullptr ? std::string_view{} : name_text;
    if (auto noted = note_section(i, name, header); !noted) return noted;
    if (header.sh_type == SHT_NOBITS) continue;
    if (!is_debug_section(name)) continue;
    if (name == ".debug_info" || name == ".zdebug_info") has_debug_info_ = true;
    std::uint64_t size = header.sh_size;
    if ((header.sh_flags & SHF_COMPRESSED) != 0) {
      GElf_Chdr compression;
      if (gelf_getchdr(section, &compression) == nullptr)
        return bad(fmt::format("section {} is corrupt", name));
      if (compression.ch_type != ELFCOMPRESS_ZLIB) has_unknown_compression_ = true;
      size = compression.ch_size;
    } else if (name.starts_with(".zdebug_")) {
      // GNU's older way: "ZLIB", then the size as 8 bytes, big-endian.
      std::uint64_t big_endian = 0;
      if (header.sh_size < 12 ||
          ::pread(fd_.get(), &big_endian, 8, static_cast<off_t>(header.sh_offset + 4)) != 8) {
        return bad(fmt::format("section {} is corrupt", name));
      }
      size = be64toh(big_endian);
    }
    if (size / kInflateRatioMax > header.sh_size && !has_unknown_compression_) {
      return bad(fmt::format("section {} promises more than it can hold", name));
    }
    inflated += std::min(size, kInflatedMax);
    if (inflated > kInflatedMax) {
      return fail({.code = Errc::too_large,
                   .operation = "reading ELF",
                   .subject = path_ + ": debug information",
                   .number = kInflatedMax});
    }
  }
  return {};
}

Result<void> ElfFile::note_section(std::size_t index, std::string_view name, const GElf_Shdr& header) {
  const bool takes_place = (header.sh_flags & (SHF_ALLOC | SHF_TLS)) == SHF_ALLOC;
  if (takes_place && header.sh_type == SHT_PROGBITS && header.sh_size != 0) has_content_ = true;
  if (!is_relocatable_) {
    if (takes_place && header.sh_type == SHT_NOBITS) absent_.push_back({header.sh_addr, header.sh_size, 0});
    return {};
  }
  if (name != kSitesSection) return {};
  if (sites_section_ != 0) return bad("it has two sections vmitap_sites, where the linker makes one");
  sites_section_ = index;
  if (header.sh_type == SHT_PROGBITS && (header.sh_flags & SHF_COMPRESSED) == 0) {
    segments_.push_back({0, header.sh_size, header.sh_offset});
  }
  return {};
}

void ElfFile::find_build_id() {
  const void* bytes = nullptr;
  const ssize_t size = dwelf_elf_gnu_build_id(elf_.get(), &bytes);
  if (size > 0) build_id_ = to_hex({static_cast<const std::byte*>(bytes), static_cast<std::size_t>(size)});
}

Result<void> ElfFile::read_segments() {
  if (is_relocatable_) return {};  // note_section() found the only one
  std::size_t count = 0;
  if (elf_getphdrnum(elf_.get(), &count) != 0) return bad("its program headers cannot be read");
  for (std::size_t i = 0; i < count; ++i) {
    GElf_Phdr header;
    if (gelf_getphdr(elf_.get(), static_cast<int>(i), &header) == nullptr) {
      return bad("its program headers cannot be read");
    }
    if (header.p_type == PT_LOAD) segments_.push_back({header.p_vaddr, header.p_filesz, header.p_offset});
  }
  return {};
}

bool ElfFile::read(LinkAddr address, std::span<std::byte> out) const {
  const auto holds = [&](const Range& range) {
    return address.value >= range.start && address.value - range.start < range.size;
  };
  // A file that was left with its debug information only still has the program headers of the whole.
  if (std::any_of(absent_.begin(), absent_.end(), holds)) return false;
  const auto segment = std::find_if(segments_.begin(), segments_.end(), holds);
  if (segment == segments_.end()) return false;
  const std::uint64_t offset = address.value - segment->start;
  const std::uint64_t place = segment->file_offset + offset;
  if (out.size() > segment->size - offset || place < offset || place > std::uint64_t{INT64_MAX}) return false;
  return ::pread(fd_.get(), out.data(), out.size(), static_cast<off_t>(place)) ==
         static_cast<ssize_t>(out.size());
}

std::vector<std::uint64_t> ElfFile::read_pointers(std::span<const LinkAddr> addresses) const {
  std::vector<std::uint64_t> values(addresses.size(), 0);
  if (is_relocatable_) return values;  // each depends on a symbol
  for (std::size_t i = 0; i < addresses.size(); ++i) {
    if (!read(addresses[i], std::as_writable_bytes(std::span{&values[i], 1}))) values[i] = 0;
  }
  GElf_Ehdr header;
  if (gelf_getehdr(elf_.get(), &header) == nullptr) return values;

  std::vector<std::pair<std::uint64_t, std::size_t>> wanted;
  for (std::size_t i = 0; i < addresses.size(); ++i) wanted.emplace_back(addresses[i].value, i);
  std::sort(wanted.begin(), wanted.end());
  for (Elf_Scn* section = elf_nextscn(elf_.get(), nullptr); section != nullptr;
       section = elf_nextscn(elf_.get(), section)) {
    GElf_Shdr info;
    if (gelf_getshdr(section, &info) == nullptr || info.sh_type != SHT_RELA ||
        (info.sh_flags & SHF_ALLOC) == 0)
      continue;
    Elf_Data* data = elf_getdata(section, nullptr);
    if (data == nullptr) continue;
    const std::size_t count = std::min<std::size_t>(data->d_size / sizeof(Elf64_Rela), INT32_MAX);
    for (std::size_t i = 0; i < count; ++i) {
      GElf_Rela entry;
      if (gelf_getrela(data, static_cast<int>(i), &entry) == nullptr) break;
      const auto at =
          std::lower_bound(wanted.begin(), wanted.end(), std::pair{entry.r_offset, std::size_t{0}});
      for (auto it = at; it != wanted.end() && it->first == entry.r_offset; ++it) {
        const bool relative = is_relative(header.e_machine, GELF_R_TYPE(entry.r_info));
        values[it->second] = relative ? static_cast<std::uint64_t>(entry.r_addend) : 0;
      }
    }
  }
  return values;
}

}  // namespace vmitap::types
