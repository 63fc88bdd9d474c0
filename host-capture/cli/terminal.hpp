// SPDX-License-Identifier: MIT
// What the other end of stdout or stderr is: a person at a terminal, or a pipe.
#pragma once

#include <string>
#include <string_view>

namespace vmitap::cli {

[[nodiscard]] bool is_terminal(int fd);
// False: it is the shell's now, or another's, as we were sent to the background.
[[nodiscard]] bool is_in_foreground(int fd);
// Columns: of the terminal, else of $COLUMNS, else 100.
[[nodiscard]] unsigned width(int fd);

// Colours for a terminal that shows them and a person who wants them (https://no-color.org); otherwise
// text passes through as it is.
class Style {
 public:
  explicit Style(int fd);
  [[nodiscard]] std::string bold(std::string_view text) const { return wrap("1", text); }
  [[nodiscard]] std::string dim(std::string_view text) const { return wrap("2", text); }
  [[nodiscard]] std::string red(std::string_view text) const { return wrap("31", text); }
  [[nodiscard]] std::string green(std::string_view text) const { return wrap("32", text); }
  [[nodiscard]] std::string yellow(std::string_view text) const { return wrap("33", text); }
  [[nodiscard]] std::string cyan(std::string_view text) const { return wrap("36", text); }

 private:
  [[nodiscard]] std::string wrap(const char* code, std::string_view text) const;
  bool on_;
};

}  // namespace vmitap::cli
