// SPDX-License-Identifier: MIT
// An ELF file of a guest: 64-bit, little-endian; linked, or a Linux kernel module. Nothing in it is trusted:
// headers are checked against the file's size before libelf or libdw work with them, and nothing is mapped,
// as whoever owns the file may truncate it at any time.
#pragma once

#include <gelf.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/handle.hpp"
#include "base/ids.hpp"
#include "base/result.hpp"

namespace vmitap::types {

enum class ElfRole {
  object,        // a program, a shared object, or the debug file of one
  shared_debug,  // what dwz factored out of several debug files; comes as a relocatable object
};

// Not thread-safe (libelf is not).
class ElfFile {
 public:
  // Errc::bad_file, Errc::io.
  static Result<ElfFile> open(const std::string& path, ElfRole role = ElfRole::object);

  [[nodiscard]] const std::string& path() const noexcept { return path_; }
  [[nodiscard]] int fd() const noexcept { return fd_.get(); }
  [[nodiscard]] Elf* elf() const noexcept { return elf_.get(); }
  [[nodiscard]] const std::string& build_id() const noexcept { return build_id_; }  // lower-case hex or empty
  [[nodiscard]] bool has_debug_info() const noexcept { return has_debug_info_; }
  // An object that nobody linked, as a Linux kernel module is. Its addresses are offsets in its section
  // "vmitap_sites" (control_abi.h: vmitap_module.load_bias).
  [[nodiscard]] bool is_relocatable() const noexcept { return is_relocatable_; }
  // Index of that section; 0 if it has none, or is linked.
  [[nodiscard]] std::size_t sites_section() const noexcept { return sites_section_; }
  // False for what was left with its debug information only.
  [[nodiscard]] bool has_content() const noexcept { return has_content_; }
  // A section of debug information that this libelf cannot decompress.
  [[nodiscard]] bool has_unknown_compression() const noexcept { return has_unknown_compression_; }

  // What the loader puts at these addresses, before relocation. False if the file does not say.
  bool read(LinkAddr address, std::span<std::byte> out) const;
  // What the loader writes at these places without asking for any symbol, in the order asked for;
  // 0 where it depends on one, or is not said.
  [[nodiscard]] std::vector<std::uint64_t> read_pointers(std::span<const LinkAddr> addresses) const;

 private:
  struct Range {
    std::uint64_t start;
    std::uint64_t size;
    std::uint64_t file_offset;
  };
  struct End {
    void operator()(Elf* elf) const noexcept { elf_end(elf); }
  };

  ElfFile(std::string path, Fd fd, Elf* elf) : path_(std::move(path)), fd_(std::move(fd)), elf_(elf) {}
  Result<void> check_header(ElfRole role, std::uint64_t file_size);
  Result<void> check_sections(std::uint64_t file_size);
  Result<void> note_section(std::size_t index, std::string_view name, const GElf_Shdr& header);
  Result<void> read_segments();
  void find_build_id();
  [[nodiscard]] tl::unexpected<Error> bad(std::string hint) const;

  std::string path_;
  Fd fd_;
  std::unique_ptr<Elf, End> elf_;  // before fd_ goes
  std::vector<Range> segments_;    // what the loader takes from the file
  std::vector<Range> absent_;      // sections without content here
  std::string build_id_;
  std::size_t sites_section_ = 0;
  bool is_relocatable_ = false;
  bool has_content_ = false;
  bool has_debug_info_ = false;
  bool has_unknown_compression_ = false;
};

bool is_debug_section(std::string_view name);

std::string to_hex(std::span<const std::byte> bytes);

}  // namespace vmitap::types
