// SPDX-License-Identifier: MIT
// The C and C++ types of a guest as vmitap knows them, whatever they were read from (DWARF, BTF).
// A plain value: no file, no libdw handle behind it. Thread rule: immutable once built.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/ids.hpp"

namespace vmitap::types {

using TypeId = std::uint32_t;  // index into Catalog::types; 0 is void

enum class Kind : std::uint8_t {
  void_,
  boolean,
  integer,    // also __int128: size 16
  character,  // plain `char`, the element of text; signed char and unsigned char are integers
  floating,   // size 4, 8, 16 (x87 long double in 16 bytes, or __float128: see Type::name)
  enumeration,
  pointer,  // also C++ references
  array,
  record,    // struct, union, class
  typedef_,  // also const, volatile and _Atomic, which have no name of their own
  function,
  opaque,  // known by name and size only: declarations, pointers to members, complex numbers
};

enum class RecordKind : std::uint8_t { struct_, union_, class_ };

struct Member {
  std::string name;  // empty for an anonymous struct or union member
  TypeId type = 0;
  std::uint64_t offset = 0;      // bytes from the start of the record; bit-fields: see bit_offset
  std::uint64_t bit_offset = 0;  // bit-fields: bits from the start of the record, least significant first
  std::uint32_t bit_size = 0;    // 0: not a bit-field
  bool is_base = false;          // a C++ base class subobject; name is then the base's
  bool is_virtual_base = false;  // its place is not constant: listed, never decoded
};

struct Enumerator {
  std::string name;
  std::int64_t value = 0;  // of unsigned 64-bit enumerations: the same bits
};

struct Type {
  Kind kind = Kind::void_;
  std::string name;             // "int", "tcp_pcb", "u16_t"; empty if anonymous; C++ references: "&", "&&"
  std::uint64_t size = 0;       // bytes; 0 for void, function, flexible arrays, declarations
  bool is_signed = false;       // integer, enumeration, character
  bool is_declaration = false;  // record or enumeration without a definition
  bool is_flexible = false;     // array without a bound: the last member of a record
  RecordKind record = RecordKind::struct_;
  TypeId target = 0;        // pointer, array (element), typedef_, enumeration (underlying), function (result)
  std::uint64_t count = 0;  // array: elements of this rank; int a[2][3] is array(2) of array(3)
  std::vector<Member> members;  // record: in declaration order, bases first
  std::vector<Enumerator> enumerators;
};

// A marked variable.
struct Mark {
  std::string name;
  TypeId type = 0;
  LinkAddr descriptor;   // of the mark's own descriptor; the guest reports where it was loaded
  LinkAddr variable;     // of the variable, 0 if only the running guest can tell
  bool per_cpu = false;  // a kernel's, once the guest told: CPU c has its own at variable + its offset
  std::string file;
  std::uint32_t line = 0;
};

struct Argument {
  std::string name;  // as written at the trigger: "pcb", "seg->len"
  TypeId type = 0;
  std::uint64_t offset = 0;  // bytes from the start of the argument struct
};

// An argument that tells later whether a pointer among the others still leads to what it did when the trigger
// fired (VMITAP_SAME, VMITAP_ALIVE in vmitap/trigger.h).
struct Witness {
  std::string pointer;       // Argument::name
  std::string expression;    // what is to be read again: "sk->hash"
  bool is_count = false;     // it must not be 0; else it must be what it was
  std::uint64_t offset = 0;  // of what it was, bytes from the start of the argument struct
  std::uint64_t size = 0;
};

// One VMITAP_TRIGGER in the code; several may share a name.
struct TriggerSite {
  std::string name;
  std::vector<Argument> arguments;
  std::vector<Witness> witnesses = {};  // no arguments
  std::uint64_t arguments_size = 0;
  LinkAddr descriptor;
  std::string file;
  std::uint32_t line = 0;
};

// All that one ELF object tells: its types, marks and triggers, tied to its build id.
struct Catalog {
  std::string object;    // path of the ELF object
  std::string build_id;  // lower-case hex
  std::vector<Type> types{Type{}};
  std::vector<Mark> marks;
  std::vector<TriggerSite> triggers;

  [[nodiscard]] const Type& operator[](TypeId id) const { return types[id]; }
  // Follows typedefs and qualifiers to what they stand for.
  [[nodiscard]] TypeId strip(TypeId id) const;
  // A named record, enumeration or typedef ("tcp_pcb", "struct tcp_pcb"); 0 if there is none.
  [[nodiscard]] TypeId find(std::string_view name) const;
  // The type as C writes it: "struct tcp_pcb *", "u16_t [3][4]"; with a name as its declaration:
  // "u16_t table[3][4]".
  [[nodiscard]] std::string spelling(TypeId id, std::string_view name = {}) const;
};

}  // namespace vmitap::types
