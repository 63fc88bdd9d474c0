// SPDX-License-Identifier: MIT
#include "cli/terminal.hpp"

#include <fmt/format.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <cstdlib>

namespace vmitap::cli {
namespace {

constexpr unsigned kWidthMin = 40;
constexpr unsigned kWidthElse = 100;

bool set_and_not_empty(const char* variable) {
  const char* value = std::getenv(variable);
  return value != nullptr && value[0] != '\0';
}

}  // namespace

bool is_terminal(int fd) { return ::isatty(fd) == 1; }

bool is_in_foreground(int fd) {
  const pid_t whose = ::tcgetpgrp(fd);
  return whose < 0 || whose == ::getpgrp();  // < 0: not the terminal of this session, so nobody's jobs
}

unsigned width(int fd) {
  winsize size{};
  if (::ioctl(fd, TIOCGWINSZ, &size) == 0 && size.ws_col > 0) {
    return size.ws_col < kWidthMin ? kWidthMin : size.ws_col;
  }
  const char* columns = std::getenv("COLUMNS");
  const unsigned long given = columns != nullptr ? std::strtoul(columns, nullptr, 10) : 0;
  return given >= kWidthMin && given <= 1000 ? static_cast<unsigned>(given) : kWidthElse;
}

Style::Style(int fd) {
  const char* term = std::getenv("TERM");
  on_ = is_terminal(fd) && !set_and_not_empty("NO_COLOR") && term != nullptr &&
        std::string_view(term) != "dumb";
}

std::string Style::wrap(const char* code, std::string_view text) const {
  return on_ ? fmt::format("\033[{}m{}\033[0m", code, text) : std::string(text);
}

}  // namespace vmitap::cli
