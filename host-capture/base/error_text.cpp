// SPDX-License-Identifier: MIT
#include "base/error_text.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <system_error>

#include "base/printable.hpp"

namespace vmitap {
namespace {

std::string quoted(const Error& error, const char* otherwise) {
  return error.subject.empty() ? std::string(otherwise) : "\"" + printable(error.subject) + "\"";
}

// ": reading: No such file or directory", as far as it is known.
std::string cause(const Error& error) {
  std::string text;
  if (error.operation[0] != '\0') text += fmt::format(": {}", error.operation);
  if (error.sys != 0) text += fmt::format(": {}", std::system_category().message(error.sys));
  return text;
}

// What a person wrote, as far as it takes to know it again.
std::string begin_of(const Error& error, const char* otherwise) {
  if (error.subject.empty()) return otherwise;
  constexpr std::size_t kShown = 60;
  std::size_t size = std::min(kShown, error.subject.size());
  while (size > 0 && size < error.subject.size() && (error.subject[size] & 0xc0) == 0x80) --size;
  return fmt::format("\"{}{}\"", printable(error.subject.substr(0, size)),
                     size < error.subject.size() ? "…" : "");
}

std::string number(const Error& error, const char* before, const char* after = "") {
  return error.number ? fmt::format("{}{}{}", before, *error.number, after) : std::string();
}

// No default in either switch: a new Errc does not compile until it has its words.
std::string what_happened(const Error& error) {
  switch (error.code) {
    case Errc::no_such_guest:
      return fmt::format("there is no guest {}", quoted(error, "of that name"));
    case Errc::not_instrumented:
      return fmt::format("{} is not a vmitap guest", quoted(error, "the process"));
    case Errc::access_denied:
      return fmt::format("access to {} is denied{}", quoted(error, "the guest"), cause(error));
    case Errc::already_captured:
      return fmt::format("guest {} is captured already{}", quoted(error, "it"),
                         number(error, ", by process "));
    case Errc::guest_gone:
      return fmt::format("guest {} is gone{}", quoted(error, "it"), cause(error));
    case Errc::abi_mismatch:
      return fmt::format("{} speaks another version of the vmitap contract{}", quoted(error, "the guest"),
                         number(error, ": "));
    case Errc::protocol:
      return fmt::format("the guest broke the contract: {}{}",
                         error.subject.empty() ? "unknown rule" : printable(error.subject), cause(error));
    case Errc::no_debug_info:
      return fmt::format("{} has no debug information", quoted(error, "the program"));
    case Errc::stale_debug_info:
      return fmt::format("{} is of another build than what runs", quoted(error, "the debug information"));
    case Errc::bad_debug_info:
      return fmt::format("the debug information of {} is damaged{}{}", quoted(error, "the program"),
                         error.number ? fmt::format(" at offset {:#x}", *error.number) : "", cause(error));
    case Errc::unknown_name:
      return fmt::format("nothing is called {}{}{}", begin_of(error, "that"),
                         error.operation[0] != '\0' ? " " : "", error.operation);
    case Errc::ambiguous_name:
      return fmt::format("{} can mean more than one thing", quoted(error, "the name"));
    case Errc::bad_expression:
      return fmt::format("{} is not an expression that can be read{}", begin_of(error, "the text"),
                         number(error, ", from column "));
    case Errc::bad_filter:
      return fmt::format("{} is not a packet filter: {}", quoted(error, "the filter"), printable(error.hint));
    case Errc::bad_config:
      return fmt::format("{} cannot be used{}{}", quoted(error, "the configuration"),
                         number(error, ", line "), error.hint.empty() ? "" : ": " + printable(error.hint));
    case Errc::bad_file:
      return fmt::format("{} is damaged or not what it should be{}{}", quoted(error, "the file"),
                         number(error, ", at offset "), cause(error));
    case Errc::unreadable_memory:
      return fmt::format("guest memory {}cannot be read{}",
                         error.address ? fmt::format("at {:#x} ", *error.address) : "", cause(error));
    case Errc::too_large:
      return fmt::format("{} is too large{}", quoted(error, "it"), number(error, ": the limit is "));
    case Errc::timeout:
      return fmt::format("waited too long for {}{}",
                         error.subject.empty() ? "an answer" : printable(error.subject), cause(error));
    case Errc::unsupported:
      return fmt::format("{} is not supported here{}",
                         error.subject.empty() ? "this" : printable(error.subject), cause(error));
    case Errc::io:
      return fmt::format("{} failed{}", quoted(error, "input or output"), cause(error));
    case Errc::system:
      return fmt::format("a system call failed{}{}", cause(error),
                         error.subject.empty() ? "" : fmt::format(" (\"{}\")", printable(error.subject)));
  }
  return "unknown error";  // a value that no enumerator has
}

const char* remedy_of_io(int sys) {
  switch (sys) {
    case ENOSPC:
    case EDQUOT:
    case EFBIG:
      return "see that the disk has room, and that no quota or limit of files is met";
    case EISDIR:
      return "name a file and not a folder";
    case ENOENT:
    case ENOTDIR:
    case EACCES:
    case EPERM:
      return "check that the path is right and may be used";
    default:
      return "check that the path exists, may be used, and that the disk has room";
  }
}

}  // namespace

std::string describe(const Error& error) {
  const std::string text = what_happened(error);
  const std::string guest = printable(error.guest);
  return guest.empty() || text.find(guest) != std::string::npos ? text : guest + ": " + text;
}

std::string remedy(const Error& error) {
  const std::string hint = printable(error.hint);
  const auto or_hint = [&](const char* otherwise) { return hint.empty() ? std::string(otherwise) : hint; };
  switch (error.code) {
    case Errc::no_such_guest:
      return or_hint("see the guests that run with: vmitap list");
    case Errc::not_instrumented:
      return or_hint("build the program with vmitap's guest library, and start it without VMITAP=off");
    case Errc::access_denied:
      return or_hint("run vmitap as the guest's user or as root; vmitap doctor tells what is in the way");
    case Errc::already_captured:
      return or_hint("a guest has one host at a time: end the other capture first");
    case Errc::guest_gone:
      return or_hint("start the guest again; what was captured before is kept");
    case Errc::abi_mismatch:
      return or_hint("build the guest and vmitap from the same release");
    case Errc::protocol:
      return or_hint(
          "the guest is damaged or hostile: restart it (in a domain: load vmitap.ko anew), built from this "
          "release");
    case Errc::no_debug_info:
      return or_hint("compile it with -g, or give the folder of its separate debug files: --debug-dir DIR");
    case Errc::stale_debug_info:
      return or_hint("restart the guest after a build, or give the debug files of the build that runs");
    case Errc::bad_debug_info:
      return or_hint("compile it again; if the compiler's output does this, please report it with the file");
    case Errc::unknown_name:
      return hint.empty() ? "see what the guest offers with: vmitap list; vmitap types GUEST"
                          : fmt::format("did you mean \"{}\"?", hint);
    case Errc::ambiguous_name:
      return hint.empty() ? "name it more exactly" : fmt::format("say which one: {}", hint);
    case Errc::bad_expression:
      return hint.empty() ? "write for example: conn.cwnd, table[3].state, *head or pcb->snd_buf"
                          : fmt::format("expected {}", hint);
    case Errc::bad_filter:
      return "the language is tcpdump's: pcap-filter(7)";
    case Errc::bad_config:
      return "correct it; vmitap COMMAND --help tells what may stand there";
    case Errc::bad_file:
      return or_hint("what stands before the damage can still be read");
    case Errc::unreadable_memory:
      return or_hint("the pointer is null, wild, or its memory was given back: check it in the guest");
    case Errc::too_large:
      return or_hint("read less at once");
    case Errc::timeout:
      return or_hint(
          "see whether the guest is paused, stopped or overloaded (vmitap doctor GUEST tells), then try "
          "again");
    case Errc::unsupported:
      return or_hint("vmitap doctor tells what works here");
    case Errc::io:
      return or_hint(remedy_of_io(error.sys));
    case Errc::system:
      return or_hint("vmitap doctor tells what works here");
  }
  return "vmitap doctor tells what works here";
}

}  // namespace vmitap
