// SPDX-License-Identifier: MIT
// The command. What each part does stands in the file of its name.
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/mman.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <exception>
#include <memory>
#include <new>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

#include "base/nearest.hpp"
#include "base/printable.hpp"
#include "cli/command.hpp"
#include "cli/report.hpp"

namespace vmitap::cli {
namespace {

constexpr const char* kPurpose =
    "vmitap: see typed variables inside a running guest, from outside.\n"
    "Triggers fire in the guest, vmitap reads marked variables by their C types and writes protobuf records.";

constexpr const char* kFooter = R"(
Try it:
  vmitap list                                          which guests run, and what they offer
  vmitap capture local:counter --on tick -o tick.mcap  capture at each fire of a trigger; Ctrl-C ends it well
  vmitap info tick.mcap                                what stands in the capture
  vmitap decode tick.mcap | head                       its records, as JSON lines
  vmitap doctor xen:web                                in a Xen dom0: what of that domain can be captured

Each command teaches itself: vmitap COMMAND --help

Exit codes: 0 ok; 1 an error; 2 bad usage; 3 a capture was cut short by an error, what was captured is kept.)";

// Help shows an option's value by its name alone; what it must be stands in the words beside it.
class HelpFormatter : public CLI::Formatter {
 public:
  HelpFormatter() {
    column_width(30);
    label("SUBCOMMAND", "COMMAND");
  }
  std::string make_option_opts(const CLI::Option* option) const override {
    if (option->get_positional() || option->get_type_size() == 0) return {};
    const std::string name = option->get_type_name();
    return " " + name.substr(0, name.find(':'));  // behind it CLI11 puts the check
  }
};

// libdw's line tables take 150 KiB of stack at once. Under a limit of memory (ulimit -v) the kernel kills
// whom it cannot give more stack: it is taken while there is some, so that what is lacking later is an error
// that can be told. A mapping is refused in words; so one is asked whether there is enough.
[[gnu::noinline]] void take_stack() {
  constexpr std::size_t kPage = 4096;
  constexpr std::size_t kBytes = 64 * kPage;
  constexpr std::size_t kAsked = kBytes + 2 * kPage;  // with what this frame takes itself
  void* const room = ::mmap(nullptr, kAsked, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (room == MAP_FAILED) throw std::bad_alloc();
  ::munmap(room, kAsked);
  auto* const taken = static_cast<volatile char*>(__builtin_alloca(kBytes));
  for (std::size_t at = kBytes; at >= kPage; at -= kPage) taken[at - kPage] = 0;  // downwards, as stacks grow
}

int run(int argc, char** argv) {
  CLI::App app(kPurpose, "vmitap");
  Exit exit = Exit::ok;
  app.set_version_flag("--version", "vmitap " VMITAP_VERSION);
  app.footer(kFooter);
  app.formatter(std::make_shared<HelpFormatter>());
  for (const auto add : {add_list, add_capture, add_trigger, add_info, add_decode, add_export, add_plot,
                         add_types, add_doctor}) {
    add(app, exit);
  }
  for (CLI::App* command : app.get_subcommands({})) command->group("Commands");
  app.require_subcommand(1);
  std::vector<const char*> words(argv, argv + argc);
  // As many a command has it: "help capture" is "capture --help".
  if (words.size() > 1 && std::string_view(words[1]) == "help") {
    words.erase(words.begin() + 1);
    words.push_back("--help");
  }
  if (words.size() == 1) {
    fmt::print("{}", app.help());
    return 0;
  }
  std::vector<std::string> names;
  for (const CLI::App* command : app.get_subcommands({})) names.push_back(command->get_name());
  if (words[1][0] != '-' && std::ranges::find(names, words[1]) == names.end()) {
    const std::vector<std::string_view> known(names.begin(), names.end());
    const std::string near = nearest(words[1], known);
    return static_cast<int>(
        report(fmt::format("there is no command \"{}\"", printable(words[1])),
               near.empty() ? "see: vmitap --help" : fmt::format("did you mean \"{}\"?", near), Exit::usage));
  }
  try {
    app.parse(static_cast<int>(words.size()), words.data());
  } catch (const CLI::Success& asked) {  // --help, --version
    return app.exit(asked);
  } catch (const CLI::ParseError& error) {
    return static_cast<int>(report(error.what(), "see: vmitap --help, vmitap COMMAND --help", Exit::usage));
  }
  if (std::fflush(stdout) != 0) {
    return static_cast<int>(
        report({.code = Errc::io, .operation = "write", .subject = "standard output", .sys = errno}));
  }
  return static_cast<int>(exit);
}

}  // namespace
// Who starts us may have closed them: the next file that is opened would be taken for one. Writing to such a
// one is an error.
void take_standard_streams() {
  for (const int fd : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO})
    if (::fcntl(fd, F_GETFD) < 0 && errno == EBADF) [[maybe_unused]]
      const int same = ::open("/dev/null", fd == STDIN_FILENO ? O_WRONLY : O_RDONLY);
}

}  // namespace vmitap::cli

// Errors are values everywhere below; what a library throws beyond them ends here, in words.
int main(int argc, char** argv) {
  vmitap::cli::take_standard_streams();
  try {
    vmitap::cli::take_stack();
    return vmitap::cli::run(argc, argv);
  } catch (const std::bad_alloc&) {
    return static_cast<int>(vmitap::cli::report("there is not enough memory",
                                                "give it more: ulimit -v, a cgroup, or dom0's own"));
  } catch (const std::system_error& error) {
    const int sys = error.code().value();
    if (sys == ENOSPC || sys == EPIPE || sys == EIO || sys == EBADF) {
      return static_cast<int>(
          vmitap::cli::report(fmt::format("standard output cannot be written: {}", error.code().message()),
                              "give it a place that has room and is open"));
    }
    return static_cast<int>(vmitap::cli::report(
        fmt::format("the system refused a thread or a lock: {}", error.what()),
        "if this is not a lack of memory (ulimit -v) or of processes (ulimit -u), please report it"));
  } catch (const std::exception& error) {
    return static_cast<int>(vmitap::cli::report(error.what(), "please report it: no error should end here"));
  }
}
