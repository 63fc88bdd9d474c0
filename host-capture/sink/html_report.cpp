// SPDX-License-Identifier: MIT
#include "sink/html_report.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <optional>
#include <span>

#include "base/quantity_text.hpp"
#include "sink/chart.hpp"

namespace vmitap::sink {
namespace {

using Area = ChartArea;

constexpr std::string_view kStyle =
    R"(body{font:14px sans-serif;color:#222;max-width:1000px;margin:24px auto;padding:0 16px}
h1{font-size:20px}h2{font-size:15px;margin:28px 0 4px}table{border-collapse:collapse}
td,th{padding:2px 14px 2px 0;text-align:left;vertical-align:top}th{font-weight:normal;color:#777}td.n{text-align:right}
svg{display:block;max-width:100%;height:auto}.cursor{stroke:#d55e00;visibility:hidden}.told{fill:#d55e00;text-anchor:end}
.lost{color:#b00020;font-weight:bold}
)";

// The points of each line of a chart stand beside it as [seconds, value]; the last at or before the pointer
// are told.
constexpr std::string_view kScript = R"(for (const svg of document.querySelectorAll("svg[data-seconds]")) {
  const lines = JSON.parse(svg.nextElementSibling.textContent);
  const [left, width, seconds] = ["left", "width", "seconds"].map(name => +svg.dataset[name]);
  const cursor = svg.querySelector(".cursor"), told = svg.querySelector(".told");
  svg.addEventListener("pointermove", event => {
    const at = new DOMPoint(event.clientX, event.clientY).matrixTransform(svg.getScreenCTM().inverse()).x;
    const time = Math.min(Math.max((at - left) / width, 0), 1) * seconds;
    const values = lines.map(points => {
      let low = 0, high = points.length - 1;
      while (low < high) {
        const middle = (low + high + 1) >> 1;
        if (points[middle][0] <= time) low = middle; else high = middle - 1;
      }
      return time < points[0][0] ? "–" : points[low][1].toLocaleString("en");
    });
    const x = left + time / seconds * width;
    cursor.setAttribute("x1", x);
    cursor.setAttribute("x2", x);
    cursor.style.visibility = "visible";
    told.textContent = values.every(value => value === "–") ? "" : values.join("; ") + " at " + time.toFixed(6) + " s";
  });
  svg.addEventListener("pointerleave", () => { cursor.style.visibility = "hidden"; told.textContent = ""; });
}
)";

void row(std::string& out, std::string_view what, std::string_view text, std::string_view style = {}) {
  fmt::format_to(std::back_inserter(out), "<tr><th>{}</th><td class=\"{}\">{}</td></tr>\n", what, style,
                 escaped(text));
}

std::string origin(const SeriesOutcome& outcome) {
  std::string out = "<table>\n";
  for (const Session& session : outcome.sessions) {
    row(out, "captured", time_text(session.time_ns()));
    for (const GuestInfo& guest : session.guests())
      row(out, "guest", fmt::format("{}, {}", guest.name(), guest.program()));
    for (const RuleInfo& rule : session.rules()) {
      const std::string fired = !rule.on().empty()     ? rule.on()
                                : rule.every_ns() != 0 ? "every " + duration_text(rule.every_ns())
                                                       : "by hand";
      row(out, "rule", fmt::format("{}: {}, {}", rule.name(), fired, Mode_Name(rule.mode())));
    }
  }
  row(out, "records", count_text(outcome.records));
  row(out, "lost", outcome.lost == 0 ? "nothing" : count_text(outcome.lost), outcome.lost == 0 ? "" : "lost");
  if (outcome.outside != 0)
    row(out, "left out", fmt::format("{} of no time within the capture", plural(outcome.outside, "value")),
        "lost");
  if (!outcome.read.complete) row(out, "cut off", outcome.read.problem, "lost");
  return out + "</table>\n";
}

std::string chart(std::span<const Series> series, TimeSpan span) {
  const double plot = Area::kWidth - Area::kLeft - Area::kRight;
  const double seconds = std::max(static_cast<double>(span.to_ns - span.from_ns) / 1e9, 1e-9);
  std::string out = fmt::format(
      "<svg viewBox=\"0 0 {0:.0f} {1:.0f}\" width=\"{0:.0f}\" height=\"{1:.0f}\" data-left=\"{2}\" "
      "data-width=\"{3}\" "
      "data-seconds=\"{4}\">\n{5}<line class=\"cursor\" y1=\"{6}\" y2=\"{7}\"/>\n<text class=\"told\" "
      "x=\"{8}\" "
      "y=\"{9}\"></text>\n</svg>\n<script type=\"application/json\">[",
      Area::kWidth, Area::kHeight, Area::kLeft, plot, seconds, chart_group(series, span), Area::kTop,
      Area::kHeight - Area::kBottom, Area::kLeft + plot, Area::kTop - 9);
  for (const Series& each : series) {
    out += &each == series.data() ? "[" : ",[";
    bool is_first = true;
    for (const Sample& sample : thinned(each.samples, span, static_cast<std::size_t>(plot))) {
      fmt::format_to(std::back_inserter(out), "{}[{},{}]", is_first ? "" : ",",
                     static_cast<double>(sample.time_ns - span.from_ns) / 1e9, sample.value);
      is_first = false;
    }
    out += "]";
  }
  return out + "]</script>\n";
}

}  // namespace

std::string html_report(const SeriesOutcome& outcome, std::string_view title, bool together) {
  const TimeSpan span = time_span(outcome.series);
  std::string charts;
  std::optional<std::string> heading;
  for (const std::span<const Series> series : charts_of(outcome.series, together)) {
    if (heading != heading_of(series.front())) {
      heading = heading_of(series.front());
      if (!heading->empty()) charts += fmt::format("<h2>{}</h2>\n", escaped(*heading));
    }
    charts += chart(series, span);
  }
  return fmt::format(
      "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta "
      "charset=\"utf-8\">\n<title>{0}</title>\n<style>\n{1}{2}</style>\n"
      "</head>\n<body>\n<h1>{0}</h1>\n{3}{4}<script>\n{5}</script>\n</body>\n</html>\n",
      escaped(title), kStyle, chart_style(), origin(outcome), charts, kScript);
}

}  // namespace vmitap::sink
