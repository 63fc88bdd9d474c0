// SPDX-License-Identifier: MIT
#include "backend/local/modules.hpp"

#include <elf.h>
#include <fmt/format.h>
#include <sys/stat.h>

#include <array>
#include <charconv>
#include <cstring>
#include <span>
#include <string_view>
#include <vector>

#include "backend/local/proc.hpp"

namespace vmitap::backend::local {
namespace {

constexpr std::size_t kProgramHeadersMax = 128;
constexpr std::size_t kNotesMax = 1u << 16;
constexpr std::size_t kMapsMax = 64u << 20;

bool read_bytes(MemoryReader& memory, GuestVirt from, std::span<std::byte> into) {
  ReadRequest request{.from = from, .into = into};
  memory.read(std::span(&request, 1));
  return request.status == ReadStatus::ok;
}

std::optional<std::string> build_id_in_notes(std::span<const std::byte> notes) {
  const auto aligned = [](std::uint32_t size) { return (std::size_t{size} + 3) & ~std::size_t{3}; };
  while (notes.size() >= sizeof(Elf64_Nhdr)) {
    Elf64_Nhdr note;
    std::memcpy(&note, notes.data(), sizeof note);
    notes = notes.subspan(sizeof note);
    if (aligned(note.n_namesz) > notes.size()) return std::nullopt;
    const auto name = notes.first(note.n_namesz);
    notes = notes.subspan(aligned(note.n_namesz));
    if (note.n_descsz > notes.size()) return std::nullopt;
    if (note.n_type == NT_GNU_BUILD_ID && name.size() == 4 && std::memcmp(name.data(), "GNU", 4) == 0 &&
        note.n_descsz <= VMITAP_BUILD_ID_MAX) {
      std::string hex;
      for (const std::byte b : notes.first(note.n_descsz))
        hex += fmt::format("{:02x}", static_cast<unsigned>(b));
      return hex;
    }
    notes = notes.subspan(std::min(notes.size(), aligned(note.n_descsz)));
  }
  return std::nullopt;
}

// "START-END" as /proc/PID/maps and /proc/PID/map_files spell it, of the mapping that holds the address.
std::optional<std::string> mapping_at(pid_t pid, pid_t thread, GuestVirt address) {
  const auto maps = read_proc_file(fmt::format("/proc/{}/task/{}/maps", pid, thread), kMapsMax);
  std::string_view rest = maps ? std::string_view(*maps) : std::string_view();
  while (!rest.empty()) {
    const std::string_view line = rest.substr(0, rest.find('\n'));
    rest.remove_prefix(std::min(rest.size(), line.size() + 1));
    std::uint64_t start = 0;
    std::uint64_t end = 0;
    const char* last = line.data() + line.size();
    const auto dash = std::from_chars(line.data(), last, start, 16);
    if (dash.ec != std::errc{} || dash.ptr == last) continue;
    const auto space = std::from_chars(dash.ptr + 1, last, end, 16);
    if (space.ec != std::errc{} || address.value < start || address.value >= end) continue;
    return std::string(line.substr(0, static_cast<std::size_t>(space.ptr - line.data())));
  }
  return std::nullopt;
}

struct FileId {
  dev_t device;
  ino_t inode;
  bool operator==(const FileId&) const = default;
};

// Of a regular file only: a guest may name a FIFO, which would keep its reader for ever.
std::optional<FileId> regular_file(const std::string& path) {
  struct stat file {};
  if (::stat(path.c_str(), &file) != 0 || !S_ISREG(file.st_mode)) return std::nullopt;
  return FileId{file.st_dev, file.st_ino};
}

bool same_directory(const std::string& a, const std::string& b) {
  struct stat first {};
  struct stat second {};
  return ::stat(a.c_str(), &first) == 0 && ::stat(b.c_str(), &second) == 0 && first.st_dev == second.st_dev &&
         first.st_ino == second.st_ino;
}

std::string host_path(pid_t pid, const GuestModule& module) {
  const pid_t thread = living_thread(pid);
  const std::string process = fmt::format("/proc/{}/task/{}", pid, thread);
  const std::string root = process + "/root";
  // In our own root the plain path is the better name: it stays when the guest goes.
  const bool our_root =
      same_directory(root + "/", "/") && read_link(process + "/ns/mnt") == read_link("/proc/self/ns/mnt");
  std::string named = our_root ? module.path : root + module.path;
  const auto named_file = regular_file(named);

  std::vector<std::string> mapped;
  if (const auto mapping = mapping_at(pid, thread, module.start)) {
    mapped.push_back(fmt::format("/proc/{}/map_files/{}", pid, *mapping));
  }
  // map_files asks for privileges that exe does not, and the program is what most modules are.
  if (read_link(process + "/exe").value_or("").starts_with(module.path)) mapped.push_back(process + "/exe");
  for (const std::string& candidate : mapped) {
    if (const auto file = regular_file(candidate)) return file == named_file ? named : candidate;
  }
  return named;  // nothing to compare with; the build id tells
}

}  // namespace

std::optional<std::string> build_id_in_memory(MemoryReader& memory, GuestVirt start) {
  Elf64_Ehdr header;
  if (!read_bytes(memory, start, std::as_writable_bytes(std::span(&header, 1)))) return std::nullopt;
  if (std::memcmp(header.e_ident, ELFMAG, SELFMAG) != 0 || header.e_ident[EI_CLASS] != ELFCLASS64 ||
      header.e_phentsize != sizeof(Elf64_Phdr) || header.e_phnum > kProgramHeadersMax) {
    return std::nullopt;
  }
  std::array<Elf64_Phdr, kProgramHeadersMax> storage;
  const auto headers = std::span(storage).first(header.e_phnum);
  if (!read_bytes(memory, {start.value + header.e_phoff}, std::as_writable_bytes(headers)))
    return std::nullopt;

  // The ELF header stands at the start of the first segment; that tells the bias.
  std::optional<std::uint64_t> bias;
  for (const Elf64_Phdr& segment : headers) {
    if (segment.p_type == PT_LOAD && segment.p_offset == 0) bias = start.value - segment.p_vaddr;
  }
  if (!bias) return std::nullopt;
  for (const Elf64_Phdr& segment : headers) {
    if (segment.p_type != PT_NOTE || segment.p_filesz > kNotesMax) continue;
    std::vector<std::byte> notes(segment.p_filesz);
    if (!read_bytes(memory, {*bias + segment.p_vaddr}, notes)) continue;
    if (auto id = build_id_in_notes(notes)) return id;
  }
  return std::nullopt;
}

void complete_module(pid_t pid, MemoryReader& memory, GuestModule& module) {
  module.host_path = host_path(pid, module);
  if (auto id = build_id_in_memory(memory, module.start)) module.build_id = std::move(*id);
}

}  // namespace vmitap::backend::local
