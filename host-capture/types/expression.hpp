// SPDX-License-Identifier: MIT
// What the user may ask for: a C-like expression over marks and trigger arguments.
//   conn.cwnd   table[3].state   *head   pcb->snd_buf   ((struct tcp_pcb *)p)->next   buf[0:16]
//
//   unary    = '*' unary | '&' unary | '(' type ')' unary | postfix
//   postfix  = primary { '.' member | '->' member | '[' number ']' } [ '[' number ':' number ']' ]
//   primary  = [ 'FILE' '::' ] name [ cpu ] | '(' unary ')' | kernel
//   kernel   = 'kernel' ':' symbol [ cpu ] [ ':' type { '[' number ']' } ]
//   cpu      = '[' cpuN ']'
//
// Operators bind as in C. A name is a mark's, or an argument's as it was written at the trigger, with all
// its signs: after VMITAP_TRIGGER(sent, seg->len), `seg->len` is in the record itself. arg1, arg2 … are
// the arguments by position. [a:b] takes elements a to b-1 of an array, a flexible array, or behind a
// pointer. Members of anonymous members and of base classes are found as C and C++ find them. A C++
// reference stands for what it refers to. 'tcp.c'::state says which of several marks named `state`. A mark
// that is per CPU takes the CPU: station_steps[cpu0].
//
// kernel:jiffies:unsigned long is of the guest's kernel, which tells its types, but hardly ever of which
// type a symbol is; kernel:runqueues[cpu0].nr_running is per CPU, and of such it tells. 'a.b' in quotes is a
// symbol that C could not name; an address in its place, 0xffffffff81000000, is one of several of a name.
#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "types/layout.hpp"
#include "vmitap/control_abi.h"

namespace vmitap::types {

class Kernel;

// A catalog and where the guest loaded its object.
struct LoadedObject {
  std::shared_ptr<const Catalog> catalog;
  std::uint64_t load_bias = 0;
  // Run-time addresses of catalog->marks, as far as the guest told them; 0 where it did not. May be
  // empty: then an address is Mark::variable + load_bias.
  std::vector<std::uint64_t> mark_addresses = {};
};

// Names that an expression can start at: the arguments of a trigger site first, then the marks of
// its object, then those of the others.
struct Scope {
  std::span<const LoadedObject> objects;
  const LoadedObject* site_object = nullptr;  // nullptr: no trigger (timer, manual)
  const TriggerSite* site = nullptr;
  Kernel* kernel = nullptr;                             // nullptr: none was read; of the thread that resolves
  std::span<const std::uint64_t> per_cpu_offsets = {};  // of the guest's CPUs, for marks that are per CPU
};

// Where a value is and what it is.
struct Value {
  std::string expression;  // as the user wrote it
  std::shared_ptr<const Catalog> catalog;
  TypeId type = 0;                        // of one element if `elements` is set
  std::optional<std::uint64_t> elements;  // [a:b]: b - a
  vmitap_fetch fetch{};                   // run-time addresses; fetch.size is the value's whole size
  // Bit-fields: fetch covers the bytes they stand in.
  std::uint32_t bit_offset = 0;  // from the first fetched byte, least significant first
  std::uint32_t bit_size = 0;    // 0: not a bit-field
};

// No value is larger.
inline constexpr std::uint64_t kValueMax = 1u << 20;

// Errc::unknown_name with the nearest name, Errc::ambiguous_name with the candidates,
// Errc::bad_expression with the column, Errc::too_large (kValueMax, VMITAP_FETCH_HOPS_MAX),
// Errc::unsupported for a mark whose address nobody told.
// Values of the kernel have a catalog that changes until Kernel::publish().
Result<Value> resolve(std::string_view expression, const Scope& scope);

// Whether it speaks of the guest's kernel; of one of its CPUs.
bool needs_kernel(std::string_view expression);
bool needs_cpus(std::string_view expression);

}  // namespace vmitap::types
