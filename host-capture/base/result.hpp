// SPDX-License-Identifier: MIT
// Errors as values. An Error carries facts; error_text.hpp turns it into words for a person.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <tl/expected.hpp>
#include <utility>

namespace vmitap {

enum class Errc : std::uint8_t {
  no_such_guest,      // subject: the guest as the user named it
  not_instrumented,   // the process runs, but does not answer as a vmitap guest
  access_denied,      // subject: what; sys: errno
  already_captured,   // subject: guest; number: PID of the other host
  guest_gone,         // subject: guest; it exited, exec'd or was destroyed
  abi_mismatch,       // number: the version the other side speaks
  protocol,           // the guest broke the contract; subject: which rule
  no_debug_info,      // subject: the ELF file
  stale_debug_info,   // subject: the file whose build id is not the running one
  bad_debug_info,     // subject: file; number: offset of the DIE
  unknown_name,       // subject: the name; hint: the nearest known one
  ambiguous_name,     // subject: the name; hint: the candidates
  bad_expression,     // subject: the expression; number: column (from 1); hint: what was expected
  bad_filter,         // subject: the filter; hint: what libpcap says of it
  bad_config,         // subject: file or option; hint: what is wrong
  bad_file,           // subject: file; number: offset
  unreadable_memory,  // address
  too_large,          // subject: what; number: the limit
  timeout,            // subject: what was waited for
  unsupported,        // subject: what
  io,                 // subject: file or descriptor; sys: errno
  system,             // a system call failed; sys: errno
};

struct Error {
  Errc code;
  const char* operation = "";  // what was being done, a static string: "ptrace(PTRACE_SEIZE)"
  std::string subject = {};    // to what
  int sys = 0;                 // errno, 0 if none
  std::optional<std::uint64_t> number = {};
  std::optional<std::uint64_t> address = {};
  std::string hint = {};
  std::string guest = {};  // whose doing it is, where the subject does not name it
  std::string rule = {};   // the capture's rule that asks for it, by name, and what it reads
  std::string expression = {};
};

template <class T>
using Result = tl::expected<T, Error>;

inline tl::unexpected<Error> fail(Error error) { return tl::unexpected<Error>(std::move(error)); }

}  // namespace vmitap
