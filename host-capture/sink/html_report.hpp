// SPDX-License-Identifier: MIT
// Series as one HTML page that loads nothing else: charts that tell the value under the pointer, and where
// they are from.
#pragma once

#include <string>
#include <string_view>

#include "sink/series.hpp"

namespace vmitap::sink {

// together: as chart_svg().
std::string html_report(const SeriesOutcome& outcome, std::string_view title, bool together = false);

}  // namespace vmitap::sink
