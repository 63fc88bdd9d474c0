// SPDX-License-Identifier: MIT
// Any text is an expression or an error, and no value that it names lies outside of the arguments.
#include <cstdlib>

#include "btf_maker.hpp"
#include "kernel_maker.hpp"
#include "schema_catalog.hpp"
#include "types/expression.hpp"
#include "types/kernel.hpp"

namespace vmitap::types {
namespace {

struct World {
  World() {
    CatalogMaker types;
    const TypeId number = types.integer("int", 4, true);
    const TypeId pcb = types.record("pcb", {{"next", 0},
                                            {"x", number},
                                            {"t", types.array(types.array(number, 3), 2)},
                                            {"d", types.flexible(number)}});
    const TypeId pointer = types.pointer(pcb);
    types[pcb].members[0].type = pointer;
    const TypeId base = types.record("ns::B", {{"b", number}});
    const TypeId derived =
        types.record("D", {{"ns::B", base}, {"", types.union_of("", {{"u", number}, {"v", pcb}})}});
    types[derived].members[0].is_base = true;
    const auto mark = [&](const char* name, TypeId type) {
      Mark made;
      made.name = name;
      made.type = type;
      made.variable = {0x1000};
      made.file = "a.c";
      types.catalog().marks.push_back(made);
    };
    mark("p", pointer);
    mark("d", derived);
    mark("t", types.array(derived, 4));
    mark("r", types.pointer(pointer, "&"));
    mark("ns::n", types.pointer(0));
    mark("c", types.array(derived, 2));
    types.catalog().marks.back().per_cpu = true;
    mark("s.x", types.array(types.character(), 16));
    site.arguments = {{"a", pointer, 0}, {"a->b", number, 8}, {"*c", types.array(number, 4), 12}};
    site.arguments_size = 28;
    object.catalog = types.shared();
    object.load_bias = 0x10000;
    BtfMaker btf;
    const std::uint32_t word = btf.integer("int", 4, BTF_INT_SIGNED);
    btf.record("s", 16, {{"s", btf.pointer(word + 2), 0}, {"x", btf.array(word, 2), 64}});
    btf.section(".data..percpu", {btf.variable("v", word + 2)});
    kernel_memory.write_btf(btf.bytes());
    kernel_memory.symbol("v", 0x10, 'A');
    kernel_memory.symbol("__per_cpu_end", 0x20, 'A');
    kernel_memory.symbol("k", KernelMaker::kText);
    kernel_memory.write_symbols();
    kernel_memory.write_per_cpu({0x1000});
    kernel = *Kernel::read(kernel_memory.image, kernel_memory.memory.reader());
    scope = {{&object, 1}, &object, &site, kernel.get(), offsets};
  }

  KernelMaker kernel_memory;
  std::unique_ptr<Kernel> kernel;
  std::vector<std::uint64_t> offsets{0x1000, 0x2000};
  LoadedObject object;
  TriggerSite site;
  Scope scope;
};

}  // namespace
}  // namespace vmitap::types

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, std::size_t size) {
  static const vmitap::types::World world;
  const std::string_view text{reinterpret_cast<const char*>(data), size};
  const auto value = resolve(text, world.scope);
  if (!value) return 0;
  const vmitap_fetch& fetch = value->fetch;
  if (fetch.size == 0 || fetch.size > vmitap::types::kValueMax) std::abort();
  if (fetch.hops > VMITAP_FETCH_HOPS_MAX) std::abort();
  if (value->type >= value->catalog->types.size()) std::abort();
  if (value->bit_size != 0 && (value->bit_offset + value->bit_size + 7) / 8 != fetch.size) std::abort();
  if (fetch.base == VMITAP_FETCH_ARGUMENT) {
    const std::uint64_t read = fetch.hops == 0 ? fetch.size : 8;
    if (fetch.origin > 28 || read > 28 - fetch.origin) std::abort();
  }
  return 0;
}
