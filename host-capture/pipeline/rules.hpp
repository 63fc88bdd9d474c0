// SPDX-License-Identifier: MIT
// Rules resolved against a guest's types: what to read where, and how it is encoded. Immutable once
// made; plans live as long as the capture.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <tuple>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <vector>

#include "backend/guest.hpp"
#include "base/result.hpp"
#include "pipeline/capture.hpp"
#include "pipeline/sink.hpp"
#include "types/kernel.hpp"
#include "types/schema.hpp"

namespace vmitap::pipeline {

// A witness (types/layout.hpp) of the pointer that values are read through: read again after them.
struct Guard {
  vmitap_fetch fetch{};
  std::uint64_t was_at = 0;  // what it was, in the arguments
  bool is_count = false;
  std::size_t offset = 0;     // in a shot's guards
  std::uint64_t guarded = 0;  // bit i: value i
};

// One rule at one shape of arguments: one channel of the output.
struct RulePlan {
  const Rule* rule = nullptr;
  std::string channel_name;
  ChannelId channel = 0;
  Mode mode = MODE_UNSPECIFIED;
  types::RuleSchema schema;
  std::vector<types::Value> values;
  std::vector<std::size_t> value_offsets;  // in a shot's values
  std::size_t values_size = 0;
  std::vector<Guard> guards;
  std::size_t guards_size = 0;
  mutable std::uint64_t sequence = 0;  // the encode stage's
};

// What the sink is told of it.
Channel channel_of(const RulePlan& plan);

// What a rule gets of a site's records.
struct Feed {
  const RulePlan* rule = nullptr;
  // Where what the guest copies for this rule begins among the record's inline fetches: all values of an
  // INLINE rule, the packet's bytes of any other.
  std::size_t inline_first = 0;   // index of the first
  std::size_t inline_offset = 0;  // bytes from the first inline value of the record
  // The guest fires as often as all the site's rules together need; each takes one in so many of that.
  std::uint32_t one_in = 1;
  mutable std::uint64_t passed = 0;  // the snapshot stage's
};

// One trigger site (or the timer, or the user's hand) and the rules that it feeds.
struct SitePlan {
  std::string trigger;
  TriggerId id;
  std::size_t arguments_size = 0;
  std::size_t payload_size = 0;  // of a record: the arguments and what is taken INLINE
  std::vector<Feed> feeds;
  backend::ArmRequest arm;
  std::shared_ptr<const types::Catalog> object;
};

// What a guest offers, with the types of its objects: what takes long.
struct Listing {
  // Lists the guest and loads the types of the modules that are not known yet; a rule may do without those of
  // some. Errc::too_large: those would be more than any honest guest loads. What is not looked at in time, or
  // when it is to stop, has no types.
  static Result<Listing> take(backend::Guest& guest, const Options& options,
                              const std::unordered_set<std::uint32_t>& known_modules,
                              const std::stop_token& stopped = {});

  backend::GuestCatalog catalog;
  std::vector<std::pair<std::uint32_t, std::shared_ptr<const types::Catalog>>> loaded;  // by module
  std::vector<std::pair<std::uint32_t, Error>> untyped;                                 // and why
};

// The plans of one guest. The drain thread's, once they are made.
class Plans {
 public:
  // What takes long, and is the guest's to answer: lists it, loads the types of its objects and, if a rule
  // speaks of it, reads its kernel. Errc::unsupported: it offers nothing of the kind.
  static Result<std::unique_ptr<Plans>> read(backend::Guest& guest, const Options& options);
  // Resolves every rule, once. Errc::unknown_name with the nearest trigger; what types::resolve says, and
  // types::load_object of an object that a rule needs.
  Result<void> resolve(const Options& options, ChannelId& next_channel);

  // After an object came or went: trigger sites that are new are planned by the steps that follow, and stand
  // in site() after the last of them. What an earlier list had is forgotten.
  void update(Listing listing);
  [[nodiscard]] bool is_updating() const { return update_.has_value(); }
  // As much as costs the other guests' records no time worth mention. The last one may fail; what was planned
  // before stays.
  Result<void> step(const Options& options, ChannelId& next_channel);

  [[nodiscard]] const SitePlan* site(TriggerId id) const {
    const auto found = by_id_.find(id);
    return found == by_id_.end() ? nullptr : found->second;
  }
  [[nodiscard]] const std::deque<SitePlan>& sites() const { return sites_; }
  // Of a rule with a timer, by its index in Options::rules; nullptr if it has none.
  [[nodiscard]] const SitePlan* timer(std::size_t rule) const {
    return rule < timers_.size() ? timers_[rule].get() : nullptr;
  }
  // Every rule that needs no arguments; nullptr if there is none.
  [[nodiscard]] const SitePlan* manual() const { return manual_.get(); }
  [[nodiscard]] const std::deque<RulePlan>& rules() const { return rules_; }
  // What one event may need for its values, in bytes, at most.
  [[nodiscard]] std::size_t values_size_max() const { return values_size_max_; }
  [[nodiscard]] const std::vector<types::LoadedObject>& objects() const { return objects_; }
  [[nodiscard]] std::unordered_set<std::uint32_t> known_modules() const;

 private:
  // Reads the guest's kernel if an expression speaks of it.
  Result<void> load_kernel(backend::Guest& guest, const backend::GuestCatalog& listed,
                           const Options& options);
  // Where its CPUs have their own of each per-CPU variable, if an expression names one.
  Result<void> load_cpus(backend::Guest& guest, const backend::GuestCatalog& listed, const Options& options);
  // What was planned may be used. The kernel's types are an object like others, once it is known which of
  // them are wanted.
  void publish();
  void take_objects(const Listing& listing);
  // Of an expression that speaks of nothing that is known: perhaps of a mark in an object without types.
  [[nodiscard]] Error why_unknown(Error error, std::string_view expression) const;
  [[nodiscard]] std::shared_ptr<const types::Catalog> known_before(
      std::shared_ptr<const types::Catalog> catalog) const;
  Result<void> plan_trigger(std::size_t rule, const backend::GuestCatalog& listed, const Options& options,
                            ChannelId& next_channel);
  Result<bool> plan_listed(const Options& options, ChannelId& next_channel);
  Result<void> plan_site(std::size_t rule, const backend::GuestSite& site, const Options& options,
                         ChannelId& next_channel);
  const types::TriggerSite* described_at(const types::Catalog& catalog, LinkAddr descriptor);
  std::string_view shape_of(const types::Catalog& catalog, const types::TriggerSite& site);
  // How values can be taken, once it is known what they are.
  using ModeOf = std::function<Result<Mode>(const std::vector<types::Value>& values)>;
  Result<const RulePlan*> plan_rule(const Rule& rule, const types::Scope& scope, const ModeOf& mode_of,
                                    ChannelId& next_channel);
  static Result<void> guard(RulePlan& plan, const types::Scope& scope);
  Result<void> feed(SitePlan& site, const RulePlan& rule, const Options& options);

  backend::GuestCatalog listed_;  // from read() to resolve()
  std::unique_ptr<types::Kernel> kernel_;
  std::vector<std::uint64_t> per_cpu_offsets_;
  std::vector<types::LoadedObject> objects_;
  std::unordered_map<std::uint32_t, std::size_t> object_of_module_;
  struct Untyped {
    Error why;
    std::vector<std::string> marks = {};
  };
  std::unordered_map<std::uint32_t, Untyped> untyped_;  // by module
  std::deque<RulePlan> rules_;
  std::unordered_map<std::string, std::size_t> names_;  // of rules_, and how many have each
  std::deque<SitePlan> sites_;
  std::unordered_map<TriggerId, SitePlan*> by_id_;  // not to be changed: other threads read them
  std::unordered_map<TriggerId, SitePlan*> fresh_;  // until publish()
  struct Update {
    backend::GuestCatalog listed;
    std::size_t rule = 0;  // the next, and the next site for it
    std::size_t site = 0;
  };
  std::optional<Update> update_;
  std::size_t effort_ = 0;  // of the step: sites and what is as cheap
  // By their addresses, which objects_ keep in place.
  std::unordered_map<const types::Catalog*, std::unordered_map<std::uint64_t, const types::TriggerSite*>>
      described_;
  std::unordered_map<const types::TriggerSite*, std::string> shapes_;
  // Sites of the same shape feed the same channel: those that stand in the same object, or in the same object
  // loaded anew to the same place.
  using ShapeKey = std::tuple<const Rule*, const types::Catalog*, std::uint64_t, std::string_view>;
  std::map<ShapeKey, const RulePlan*> by_shape_;
  std::vector<std::unique_ptr<SitePlan>> timers_;
  std::unique_ptr<SitePlan> manual_;
  std::size_t values_size_max_ = 0;
};

}  // namespace vmitap::pipeline
