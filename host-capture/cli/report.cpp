// SPDX-License-Identifier: MIT
#include "cli/report.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>

#include "base/error_text.hpp"
#include "base/printable.hpp"
#include "cli/say.hpp"
#include "cli/terminal.hpp"

namespace vmitap::cli {
namespace {

constexpr std::size_t kBefore = 60;  // of an expression, that is shown
constexpr std::size_t kBehind = 30;

bool is_within_letter(char c) { return (static_cast<unsigned char>(c) & 0xc0) == 0x80; }

// The expression, or what is around it if it is long, with a caret under the column (from 1, in bytes).
// Columns are bytes and what is shown may be longer: the caret stands where the text before it ends.
void point_at(const Error& error, const Style& style) {
  if (error.code != Errc::bad_expression || !error.number || *error.number == 0) return;
  const std::string_view text = error.subject;
  if (*error.number > text.size() + 1) return;
  const std::size_t at = *error.number - 1;
  std::size_t from = at > kBefore ? at - kBefore : 0;
  std::size_t to = std::min(text.size(), at + kBehind);
  while (from > 0 && is_within_letter(text[from])) --from;
  while (to < text.size() && is_within_letter(text[to])) ++to;
  const std::string before = (from > 0 ? "…" : "") + printable(text.substr(from, at - from));
  const auto columns = std::ranges::count_if(before, [](char c) { return !is_within_letter(c); });
  say("    {}{}{}\n    {}{}\n", before, printable(text.substr(at, to - at)), to < text.size() ? "…" : "",
      std::string(static_cast<std::size_t>(columns), ' '), style.red("^"));
}

}  // namespace

Exit report(const Error& error, Exit exit) {
  const Style style(STDERR_FILENO);
  say("{} {}\n", style.red("vmitap:"), describe(error));
  point_at(error, style);
  say("  {}\n", remedy(error));
  return exit;
}

Exit report(std::string_view what, std::string_view remedy, Exit exit) {
  const Style style(STDERR_FILENO);
  say("{} {}\n", style.red("vmitap:"), what);
  if (!remedy.empty()) say("  {}\n", remedy);
  return exit;
}

Exit report_of_file(const Error& error) {
  if (error.code != Errc::unknown_name || !error.hint.empty()) return report(error);
  return report(describe(error), "see what is in it with: vmitap info FILE; vmitap types FILE");
}

void warn(std::string_view what, std::string_view remedy) {
  const Style style(STDERR_FILENO);
  say("{} {}\n", style.yellow("vmitap: note:"), what);
  if (!remedy.empty()) say("  {}\n", remedy);
}

}  // namespace vmitap::cli
