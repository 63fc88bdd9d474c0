// SPDX-License-Identifier: MIT
// The memory of a guest in which a kernel describes itself, as the build of Linux 6.1 lays it out
// (scripts/kallsyms.c).
#pragma once

#include <fmt/format.h>

#include <array>
#include <cstring>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "backend/guest.hpp"
#include "types/guest_reader.hpp"

namespace vmitap::types {

class GuestMemory {
 public:
  void put(std::uint64_t at, const void* bytes, std::size_t size) {
    const auto* first = static_cast<const std::byte*>(bytes);
    regions_[at].assign(first, first + size);
  }
  [[nodiscard]] std::vector<std::byte>& at(std::uint64_t address) { return regions_.at(address); }
  // Over regions that touch each other, too.
  [[nodiscard]] GuestReader reader() const {
    return [this](GuestVirt from, std::span<std::byte> into) {
      std::uint64_t at = from.value;
      while (!into.empty()) {
        auto next = regions_.upper_bound(at);
        if (next == regions_.begin()) return false;
        const auto& [start, bytes] = *--next;
        if (at - start >= bytes.size()) return false;
        const std::size_t size = std::min<std::size_t>(into.size(), bytes.size() - (at - start));
        std::memcpy(into.data(), bytes.data() + (at - start), size);
        into = into.subspan(size);
        at += size;
      }
      return true;
    };
  }

 private:
  std::map<std::uint64_t, std::vector<std::byte>> regions_;
};

class KernelMaker {
 public:
  static constexpr std::uint64_t kText = 0xffffffff81000000;
  static constexpr std::uint64_t kTables = 0xffffffff82000000;
  static constexpr std::uint64_t kVmcoreinfo = 0xffff888000001000;
  static constexpr std::uint64_t kBtf = 0xffffffff82800000;
  static constexpr std::uint64_t kPerCpuOffset = 0xffffffff82900000;

  bool absolute_per_cpu = true;

  void symbol(const std::string& name, std::uint64_t address, char kind = 'D') {
    symbols_.push_back({kind + name, address});
  }

  // Puts the tables and vmcoreinfo into memory.
  void write_symbols() {
    make_tokens();
    std::string names;
    std::vector<std::int32_t> offsets;
    for (const auto& [name, address] : symbols_) {
      const std::string packed = pack(name);
      if (packed.size() < 0x80) {
        names += static_cast<char>(packed.size());
      } else {
        names += static_cast<char>((packed.size() & 0x7f) | 0x80);
        names += static_cast<char>(packed.size() >> 7);
      }
      names += packed;
      const bool is_absolute = absolute_per_cpu && address < kText;
      const std::uint64_t relative = is_absolute        ? address
                                     : absolute_per_cpu ? kText - 1 - address
                                                        : address - kText;
      offsets.push_back(static_cast<std::int32_t>(relative));
    }
    std::string table;
    std::array<std::uint16_t, 256> index{};
    for (std::size_t i = 0; i < tokens_.size(); ++i) {
      index[i] = static_cast<std::uint16_t>(table.size());
      table += tokens_[i] + '\0';
    }
    const auto count = static_cast<std::uint32_t>(symbols_.size());
    const std::string markers((symbols_.size() / 256 + 1) * 4, '\0');
    place("kallsyms_offsets", offsets.data(), offsets.size() * 4);
    place("kallsyms_relative_base", &kText, 8);
    place("kallsyms_num_syms", &count, 4);
    place("kallsyms_names", names.data(), names.size());
    place("", markers.data(), markers.size());
    place("kallsyms_token_table", table.data(), table.size());
    place("kallsyms_token_index", index.data(), sizeof index);
    vmcoreinfo += "CRASHTIME=1\n";
    memory.put(kVmcoreinfo, vmcoreinfo.data(), vmcoreinfo.size());
    image.vmcoreinfo = {kVmcoreinfo};
    image.vmcoreinfo_size = vmcoreinfo.size();
  }
  void write_btf(const std::vector<std::byte>& btf) {
    memory.put(kBtf, btf.data(), btf.size());
    image.btf = {kBtf};
    image.btf_size = btf.size();
  }
  void write_per_cpu(const std::vector<std::uint64_t>& offsets) {
    memory.put(kPerCpuOffset, offsets.data(), offsets.size() * 8);
    image.per_cpu_offset = {kPerCpuOffset};
    image.cpus = static_cast<std::uint32_t>(offsets.size());
  }
  [[nodiscard]] std::uint64_t table(const std::string& name) const { return tables_.at(name); }

  GuestMemory memory;
  backend::KernelImage image;
  std::string vmcoreinfo =
      "OSRELEASE=6.1.0-test\nBUILD-ID=00112233445566778899aabbccddeeff00112233\nPAGESIZE=4096\n";

 private:
  // Each character for itself, and on the codes that no name uses what kallsyms would find often.
  void make_tokens() {
    for (std::size_t i = 0; i < tokens_.size(); ++i) {
      const bool is_used = i > ' ' && i < 127;
      tokens_[i] = is_used ? std::string(1, static_cast<char>(i)) : std::string();
    }
    tokens_[1] = "init_";
    tokens_[2] = "D__";
    tokens_[3] = "per_cpu_";
    tokens_[255] = "task";
  }
  [[nodiscard]] std::string pack(std::string_view name) const {
    std::string packed;
    while (!name.empty()) {
      std::size_t best = 0;
      for (std::size_t i = 0; i < tokens_.size(); ++i) {
        if (name.starts_with(tokens_[i]) && tokens_[i].size() > tokens_[best].size()) best = i;
      }
      packed += static_cast<char>(best);
      name.remove_prefix(tokens_[best].size());
    }
    return packed;
  }
  void place(const std::string& name, const void* bytes, std::size_t size) {
    std::vector<std::byte> padded((size + 7) / 8 * 8);
    std::memcpy(padded.data(), bytes, size);
    memory.put(next_, padded.data(), padded.size());
    if (!name.empty()) vmcoreinfo += fmt::format("SYMBOL({})={:x}\n", name, next_);
    tables_[name] = next_;
    next_ += padded.size();
  }

  std::vector<std::pair<std::string, std::uint64_t>> symbols_;
  std::array<std::string, 256> tokens_;
  std::map<std::string, std::uint64_t> tables_;
  std::uint64_t next_ = kTables;
};

}  // namespace vmitap::types
