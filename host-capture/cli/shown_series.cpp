// SPDX-License-Identifier: MIT
#include "cli/shown_series.hpp"

#include <fmt/format.h>

#include "base/quantity_text.hpp"
#include "cli/report.hpp"

namespace vmitap::cli {
namespace {

// More are a wall of charts.
constexpr std::size_t kConnectionsMax = 16;

}  // namespace

void warn_of_outside(std::uint64_t values) {
  if (values == 0) return;
  warn(fmt::format("{} left out, whose time is before the capture began or after it ended",
                   plural(values, "value")),
       "their guest's clock is wrong, or it lies; vmitap decode shows them");
}

void warn_of_others(std::uint64_t values) {
  if (values == 0) return;
  warn(fmt::format("{} left out, of other connections than the first {}", plural(values, "value"),
                   sink::SeriesOptions().connections_max),
       "name the ones that you mean by --connection TEXT");
}

void show_busiest(std::vector<sink::Series>& series) {
  const std::size_t all = sink::keep_busiest(series, kConnectionsMax);
  if (all <= kConnectionsMax) return;
  warn(fmt::format("only the {} busiest of {} are shown", kConnectionsMax, plural(all, "connection")),
       "name others by --connection TEXT");
}

}  // namespace vmitap::cli
