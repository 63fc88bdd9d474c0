// SPDX-License-Identifier: MIT
#include "cli/progress.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>

#include "base/printable.hpp"
#include "base/quantity_text.hpp"
#include "cli/say.hpp"
#include "cli/terminal.hpp"

namespace vmitap::cli {
namespace {

using namespace std::chrono_literals;

constexpr auto kRedraw = 190ms;

double share(std::chrono::nanoseconds part, std::chrono::nanoseconds whole) {
  return whole.count() > 0 ? static_cast<double>(part.count()) / static_cast<double>(whole.count()) : 0;
}

std::string clock_text(std::chrono::nanoseconds elapsed) {
  const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(elapsed).count();
  return fmt::format("{:02}:{:02}", seconds / 60, seconds % 60);
}

}  // namespace

Progress::Progress(bool records_on_stdout, std::string keys)
    : on_(is_terminal(STDERR_FILENO) && !(records_on_stdout && is_terminal(STDOUT_FILENO))),
      keys_(std::move(keys)) {}

void Progress::show(const pipeline::Statistics& now) {
  const auto at = std::chrono::steady_clock::now();
  if (!on_ || at - last_ < kRedraw) return;
  last_ = at;
  if (!is_in_foreground(STDERR_FILENO)) {
    drawn_ = false;  // what stands in the line now is not ours to clear
    return;
  }
  const double seconds = std::chrono::duration<double>(now.elapsed - before_.elapsed).count();
  if (seconds > 0) {
    const double latest = static_cast<double>(now.records - before_.records) / seconds;
    rate_ = before_.elapsed.count() == 0 ? latest : 0.7 * rate_ + 0.3 * latest;
  }
  before_ = now;

  const Style style(STDERR_FILENO);
  // Pieces that the width has room for, the important ones first.
  std::vector<std::pair<std::string, std::string>> pieces;  // plain (for its width), shown
  const auto plain = [&](const std::string& text) { pieces.emplace_back(text, text); };
  plain(clock_text(now.elapsed));
  plain(plural(now.records, "record"));
  plain(count_text(static_cast<std::uint64_t>(std::llround(std::max(rate_, 0.0)))) + "/s");
  const std::string lost = count_text(now.lost) + " lost";
  pieces.emplace_back(lost, now.lost != 0 ? style.red(lost) : lost);
  plain("paused " + share_text(share(now.paused, now.elapsed)));
  plain(bytes_text(now.bytes_written));
  if (!keys_.empty()) pieces.emplace_back(keys_, style.dim(keys_));
  std::string line;
  std::size_t used = 0;
  for (const auto& [text, shown] : pieces) {
    if (used + text.size() + 3 >= width(STDERR_FILENO)) break;
    line += (used == 0 ? "" : "   ") + shown;
    used += text.size() + 3;
  }
  say("\r\033[K{}", line);
  std::fflush(stderr);
  drawn_ = true;
}

void Progress::clear() {
  if (drawn_) say("\r\033[K");
  drawn_ = false;
}

std::string summary_text(const Summary& summary, const std::string& file, std::uint64_t bytes) {
  const std::uint64_t elapsed =
      summary.end_time_ns() > summary.start_time_ns() ? summary.end_time_ns() - summary.start_time_ns() : 0;
  std::uint64_t lost = 0;
  std::string reasons;
  for (const auto& [reason, count] : summary.lost()) {
    if (count == 0) continue;
    lost += count;
    reasons += fmt::format("{}{} {}", reasons.empty() ? "" : ", ", reason, count_text(count));
  }
  std::string text = fmt::format("{} in {} to {} ({}): {}; ", plural(summary.records(), "record"),
                                 duration_text(elapsed), file == "-" ? "standard output" : printable(file),
                                 bytes_text(bytes), printable(summary.ended_by()));
  text += lost == 0 ? "nothing lost" : fmt::format("{} lost ({})", count_text(lost), reasons);
  if (summary.pauses() != 0) {
    const double paused =
        elapsed != 0 ? static_cast<double>(summary.paused_ns()) / static_cast<double>(elapsed) : 0;
    text += fmt::format("; paused {}", share_text(paused));
  }
  if (summary.over_budget() != 0) {
    text += fmt::format("; {} taken LIVE as the pause budget was used up", count_text(summary.over_budget()));
  }
  if (summary.pause_failures() != 0) {
    text +=
        fmt::format("; {} taken LIVE as the guest could not be paused", count_text(summary.pause_failures()));
  }
  if (summary.sync_timeouts() != 0)
    text += fmt::format("; {} given up", plural(summary.sync_timeouts(), "SYNC wait"));
  return text;
}

}  // namespace vmitap::cli
