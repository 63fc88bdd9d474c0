// SPDX-License-Identifier: MIT
#include "sink/series.hpp"

#include <google/protobuf/descriptor.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <string_view>
#include <tuple>
#include <unordered_set>
#include <utility>

#include "base/nearest.hpp"
#include "sink/fields.hpp"
#include "sink/record_decoder.hpp"
#include "sink/render.hpp"

namespace vmitap::sink {
namespace {

std::optional<double> number_in(const Json& value) {
  if (!value.is_number() && !value.is_boolean()) return std::nullopt;
  const double number = value.is_boolean() ? (value.get<bool>() ? 1 : 0) : value.get<double>();
  return std::isfinite(number) ? std::optional(number) : std::nullopt;
}

Error unknown(const char* among, const std::string& name, const std::vector<std::string>& known) {
  return {.code = Errc::unknown_name,
          .operation = among,
          .subject = name,
          .hint = nearest(name, std::vector<std::string_view>(known.begin(), known.end()))};
}

// The guest as the capture has it (backend:id), its id, or its program, with or without the backend.
bool means(const std::string& text, const GuestInfo& guest) {
  const std::string& name = guest.name();
  const std::size_t behind_backend = name.find(':') + 1;
  return text == name || text == name.substr(behind_backend) || text == guest.program() ||
         text == name.substr(0, behind_backend) + guest.program();
}

// What a series is in that time. A value holds until the next, so the last one before it stands at its begin.
void cut(Series& series, std::uint64_t begin_ns, std::uint64_t end_ns) {
  auto& samples = series.samples;
  samples.erase(std::ranges::upper_bound(samples, end_ns, {}, &Sample::time_ns), samples.end());
  auto first = std::ranges::upper_bound(samples, begin_ns, {}, &Sample::time_ns);
  if (first != samples.begin()) {
    --first;
    first->time_ns = std::max(first->time_ns, begin_ns);
  }
  samples.erase(samples.begin(), first);
}

// How far a guest's clock, as mapped to the host's, may be from it.
constexpr std::uint64_t kClockSlack = 1'000'000'000;

// To find a name in that is near to one that there is not.
constexpr std::size_t kPassedOverMax = 4096;

class SeriesReader {
 public:
  explicit SeriesReader(const SeriesOptions& options) : options_(options), names_(options.fields) {}

  void session(const Session& session) {
    began_ns_ = session.time_ns();
    for (const GuestInfo& guest : session.guests()) {
      guests_.push_back(guest.name());
      if (means(options_.guest, guest)) meant_guests_.insert(guest.name());
    }
  }
  void summary(const Summary& summary) { ended_ns_ = summary.end_time_ns(); }

  void channel(const Channel& channel) {
    rules_.push_back(channel.rule());
    if (!options_.rule.empty() && channel.rule() != options_.rule) return;
    if (!decoder_.add(channel)) return;
    const auto& message = *decoder_.descriptor(channel.id());
    std::vector<Source>& sources = sources_[channel.id()];
    if (!options_.fields.empty()) {
      const auto paths = names_.find(message);
      for (std::size_t i = 0; i < paths.size(); ++i)
        if (!paths[i].empty()) sources.push_back({options_.fields[i], i, paths[i]});
      return;
    }
    for (const TopField& field : top_fields(message))
      if (field.part == "values")
        sources.push_back({field.key, order_of(field.key), FieldPath{field.part, field.key}});
  }

  void record(const ReadRecord& record) {
    const auto sources = sources_.find(record.channel);
    if (sources == sources_.end() || sources->second.empty()) return;
    const auto message = decoder_.decode(record);
    if (!message) return;  // vmitap decode tells how many
    const Json json = record_json(decoder_.rule(record.channel), record, **message);
    const std::string guest = json.value("guest", "");
    if (!options_.guest.empty() && (guest.empty() ? meant_guests_.empty() : !meant_guests_.contains(guest)))
      return;
    const std::string connection = json.value("connection", "");
    if (connection.find(options_.connection) == std::string::npos) {
      if (passed_over_.size() < kPassedOverMax) passed_over_.insert(connection);
      return;
    }
    for (const Source& source : sources->second) {
      const Json* const value = value_at(json, source.path);
      if (value == nullptr) continue;
      if (const auto number = number_in(*value)) add(source, guest, connection, {record.time_ns, *number});
    }
  }

  Result<std::vector<Series>> finish() {
    if (!options_.rule.empty() && std::ranges::find(rules_, options_.rule) == rules_.end())
      return fail(unknown("among the rules", options_.rule, rules_));
    if (!options_.guest.empty() && meant_guests_.empty())
      return fail(unknown("among the guests", options_.guest, guests_));
    if (auto known = names_.all_known(); !known) return fail(std::move(known.error()));
    if (series_.empty() && !passed_over_.empty())
      return fail(
          unknown("among the connections", options_.connection, {passed_over_.begin(), passed_over_.end()}));
    leave_out_impossible();
    std::map<std::string, std::uint64_t> began;
    for (auto& [key, series] : series_) {
      std::ranges::stable_sort(series.samples, {}, &Sample::time_ns);
      const auto first = began.try_emplace(series.connection, series.samples.front().time_ns).first;
      first->second = std::min(first->second, series.samples.front().time_ns);
    }
    std::vector<Series> all;
    for (auto& [key, series] : series_) all.push_back(std::move(series));
    cut_to_span(all);
    std::ranges::stable_sort(all, {}, [&](const Series& series) {
      return std::pair(began[series.connection], series.connection);
    });
    return all;
  }

  [[nodiscard]] std::uint64_t outside() const { return outside_; }
  [[nodiscard]] std::uint64_t of_others() const { return of_others_; }

 private:
  // One record of year 2554 would leave all others a column of pixels.
  void leave_out_impossible() {
    if (began_ns_ > ended_ns_) return;  // the host's clock was set meanwhile
    const auto is_outside = [&](const Sample& sample) {
      return sample.time_ns < began_ns_ - std::min(began_ns_, kClockSlack) ||
             (sample.time_ns > ended_ns_ && sample.time_ns - ended_ns_ > kClockSlack);
    };
    for (auto& [key, series] : series_) outside_ += std::erase_if(series.samples, is_outside);
    std::erase_if(series_, [](const auto& each) { return each.second.samples.empty(); });
  }

  // One for all rules: what several of them read is one series.
  std::size_t order_of(const std::string& field) {
    return orders_.try_emplace(field, orders_.size()).first->second;
  }

  void cut_to_span(std::vector<Series>& all) const {
    if (all.empty() || (options_.from_ns == 0 && options_.span_ns == 0)) return;
    std::uint64_t begin = std::numeric_limits<std::uint64_t>::max();
    std::uint64_t last = 0;
    for (const Series& series : all) {
      begin = std::min(begin, series.samples.front().time_ns);
      last = std::max(last, series.samples.back().time_ns);
    }
    const auto later = [](std::uint64_t time, std::uint64_t by) {
      return by > std::numeric_limits<std::uint64_t>::max() - time ? std::numeric_limits<std::uint64_t>::max()
                                                                   : time + by;
    };
    begin = later(begin, options_.from_ns);
    const std::uint64_t end =
        later(begin, options_.span_ns == 0 ? std::numeric_limits<std::uint64_t>::max() : options_.span_ns);
    // Behind the last value of all nothing is known to hold.
    if (begin > last) return all.clear();
    for (Series& series : all) cut(series, begin, end);
    std::erase_if(all, [](const Series& series) { return series.samples.empty(); });
  }

  struct Source {
    std::string field;
    std::size_t order;
    FieldPath path;
  };

  bool has_room_for(const std::string& connection) {
    if (connections_.contains(connection)) return true;
    if (connections_.size() >= options_.connections_max) return false;
    connections_.insert(connection);
    return true;
  }

  void add(const Source& source, const std::string& guest, const std::string& connection, Sample sample) {
    if (!has_room_for(connection)) {
      ++of_others_;
      return;
    }
    Series& series = series_[{connection, guest, source.order}];
    if (series.samples.empty()) {
      series.field = source.field;
      series.guest = guest;
      series.connection = connection;
    }
    series.samples.push_back(sample);
  }

  const SeriesOptions& options_;
  FieldNames names_;
  RecordDecoder decoder_;
  std::vector<std::string> rules_, guests_;
  std::set<std::string> meant_guests_;                    // by options_.guest
  std::map<std::uint32_t, std::vector<Source>> sources_;  // by channel
  std::map<std::string, std::size_t> orders_;             // of fields that nobody named
  std::map<std::tuple<std::string, std::string, std::size_t>, Series> series_;
  std::unordered_set<std::string> connections_;  // that have series
  std::set<std::string> passed_over_;            // some that are not options_.connection
  std::uint64_t began_ns_ = 0, ended_ns_ = std::numeric_limits<std::uint64_t>::max();  // as far as is known
  std::uint64_t outside_ = 0;
  std::uint64_t of_others_ = 0;
};

}  // namespace

Result<SeriesOutcome> read_series(const std::string& path, const SeriesOptions& options) {
  SeriesReader reader(options);
  SeriesOutcome outcome;
  ReadHandlers handlers;
  handlers.session = [&](const Session& session) {
    outcome.sessions.assign(1, session);
    reader.session(session);
    return true;
  };
  handlers.summary = [&](const Summary& summary) {
    reader.summary(summary);
    return true;
  };
  handlers.channel = [&](const Channel& channel) {
    reader.channel(channel);
    return true;
  };
  handlers.record = [&](const ReadRecord& record) {
    ++outcome.records;
    reader.record(record);
    return true;
  };
  handlers.loss = [&](const Loss& loss) {
    outcome.lost += loss.count();
    return true;
  };
  auto read = read_capture(path, handlers);
  if (!read) return fail(std::move(read.error()));
  auto series = reader.finish();
  if (!series) return fail(std::move(series.error()));
  outcome.read = std::move(*read);
  outcome.series = std::move(*series);
  outcome.outside = reader.outside();
  outcome.of_others = reader.of_others();
  return outcome;
}

std::size_t keep_busiest(std::vector<Series>& series, std::size_t connections) {
  std::map<std::string_view, std::size_t> samples;
  std::vector<std::string_view> busiest;
  for (const Series& each : series) {
    const auto [of, is_new] = samples.try_emplace(each.connection, 0);
    of->second += each.samples.size();
    if (is_new) busiest.push_back(of->first);
  }
  if (busiest.size() <= connections) return busiest.size();
  std::ranges::stable_sort(busiest, std::ranges::greater{},
                           [&](std::string_view connection) { return samples[connection]; });
  const std::set<std::string> kept(busiest.begin(),
                                   busiest.begin() + static_cast<std::ptrdiff_t>(connections));
  std::erase_if(series, [&](const Series& each) { return !kept.contains(each.connection); });
  return busiest.size();
}

}  // namespace vmitap::sink
