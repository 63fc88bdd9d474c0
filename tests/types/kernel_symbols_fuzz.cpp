// SPDX-License-Identifier: MIT
// Any bytes as the tables of a kernel's symbols, at places that vmcoreinfo, made of the first bytes, names.
#include <cstdlib>
#include <cstring>
#include <iterator>

#include "kernel_maker.hpp"
#include "types/kernel_symbols.hpp"

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, std::size_t size) {
  using namespace vmitap::types;
  constexpr std::uint64_t kStart = 0xffffffff82000000;
  constexpr const char* kTables[] = {"num_syms",    "names",   "token_table",
                                     "token_index", "offsets", "relative_base"};
  if (size < sizeof(std::uint16_t) * std::size(kTables)) return 0;
  std::string vmcoreinfo;
  for (const char* table : kTables) {
    std::uint16_t place = 0;
    std::memcpy(&place, data, sizeof place);
    data += sizeof place;
    size -= sizeof place;
    vmcoreinfo += fmt::format("SYMBOL(kallsyms_{})={:x}\n", table, kStart + place);
  }
  GuestMemory memory;
  memory.put(kStart, data, size);
  const auto symbols = KernelSymbols::read(vmcoreinfo, memory.reader());
  if (!symbols) return 0;
  for (std::size_t i = 0; i < symbols->size(); ++i) {
    if (symbols->at(i).name.size() > 512) std::abort();
  }
  static_cast<void>(symbols->named("init_task"));
  return 0;
}
