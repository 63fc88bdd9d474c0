// SPDX-License-Identifier: MIT
#include "pipeline/rules.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <numeric>

#include "base/nearest.hpp"
#include "types/module_loader.hpp"
#include "types/per_cpu.hpp"

namespace vmitap::pipeline {
namespace {

constexpr std::size_t kRecordMax = std::size_t{32} << 20;
constexpr std::size_t kSitesMax = 16384;
// Of a step, in sites that are looked at. To make a channel costs more than to look at thousands.
constexpr std::size_t kStep = 256;

Mode default_mode(const Rule& rule) { return rule.mode.value_or(rule.on.empty() ? PAUSED : SYNC); }

std::string name_of(const Rule& rule) {
  if (!rule.name.empty()) return rule.name;
  if (!rule.on.empty()) return rule.on;
  return rule.every.count() > 0 ? "every" : "manual";
}

// Where a marked variable stands is best known to the running guest. What it says nothing new of is shared.
std::shared_ptr<const types::Catalog> as_it_runs(std::shared_ptr<const types::Catalog> object,
                                                 const backend::GuestModule& module,
                                                 const backend::GuestCatalog& listed) {
  std::shared_ptr<types::Catalog> mine;
  for (std::size_t i = 0; i < object->marks.size(); ++i)
    for (const backend::GuestSite& site : listed.sites) {
      const types::Mark& mark = object->marks[i];
      if (site.is_trigger || site.module != module.id ||
          site.descriptor.value - module.load_bias != mark.descriptor.value)
        continue;
      const LinkAddr variable{site.variable.value - module.load_bias};
      if (mark.variable == variable && mark.per_cpu == site.per_cpu) continue;
      if (!mine) object = mine = std::make_shared<types::Catalog>(*object);
      mine->marks[i].variable = variable;
      mine->marks[i].per_cpu = site.per_cpu;
    }
  return object;
}

tl::unexpected<Error> unknown_trigger(const std::string& name, const backend::GuestCatalog& listed) {
  std::vector<std::string_view> names;
  for (const backend::GuestSite& site : listed.sites)
    if (site.is_trigger) names.push_back(site.name);
  return fail({.code = Errc::unknown_name,
               .operation = "among the triggers",
               .subject = name,
               .hint = nearest(name, names)});
}

// The first bytes of a trigger's packet, which the guest copies whatever the rule's mode is.
types::Value packet_bytes(std::uint32_t size) {
  auto catalog = std::make_shared<types::Catalog>();
  catalog->object = "packet";
  types::Type& byte = catalog->types.emplace_back();
  byte.kind = types::Kind::integer;
  byte.name = "unsigned char";
  byte.size = 1;
  types::Type& array = catalog->types.emplace_back();
  array.kind = types::Kind::array;
  array.size = array.count = size;
  array.target = 1;
  types::Value value;
  value.expression = kPacketBytes;
  value.catalog = std::move(catalog);
  value.type = 2;
  value.fetch.base = VMITAP_FETCH_PACKET;
  value.fetch.size = size;
  return value;
}

bool is_copied_by_guest(const types::Value& value, Mode mode) {
  return mode == INLINE || value.fetch.base == VMITAP_FETCH_PACKET;
}

bool is_in_record(const types::Value& value) {
  return value.fetch.base == VMITAP_FETCH_PACKET ||
         (value.fetch.base == VMITAP_FETCH_ARGUMENT && value.fetch.hops == 0);
}

// Of a trigger that fires in this host: no thread of the guest waits there, nor could it copy.
Result<Mode> mode_beside_guest(const Rule& rule, const std::vector<types::Value>& values) {
  const auto refuse = [&](const char* mode, std::string why) {
    return fail({.code = Errc::bad_config,
                 .operation = "plan rule",
                 .subject = std::string("mode ") + mode + " of rule " + name_of(rule),
                 .hint = std::move(why)});
  };
  if (rule.mode == SYNC)
    return refuse(
        "sync",
        "the trigger fires in this host, whose network stack waits for nobody; take paused or live, or none "
        "if nothing is to be read");
  const auto read = std::ranges::find_if_not(values, is_in_record);
  // All that it takes is in the record itself: nobody is paused for it.
  if (read == values.end()) return INLINE;
  if (rule.mode == INLINE)
    return refuse("inline", "the trigger fires in this host, where nobody can copy " + read->expression +
                                " out of the guest meanwhile; take paused or live");
  return rule.mode.value_or(PAUSED);
}

// Filters are the guest's, one a trigger; so is the packet.
Result<void> check_packet_rule(const Rule& rule, const backend::GuestSite& site, const SitePlan* known) {
  if (!site.has_packet && (rule.snap != 0 || !rule.filter.text.empty()))
    return fail({.code = Errc::bad_config,
                 .subject = (rule.snap != 0 ? "snap" : "the filter") + (" of rule " + name_of(rule)),
                 .hint = "the trigger " + site.name + " fires for no packet"});
  if (known != nullptr && !known->feeds.empty() &&
      known->feeds[0].rule->rule->filter.text != rule.filter.text)
    return fail({.code = Errc::bad_config,
                 .subject = "the filter of rule " + name_of(rule),
                 .hint = "rule " + name_of(*known->feeds[0].rule->rule) +
                         " filters the same trigger in another way: give both the same filter"});
  return {};
}

}  // namespace

Channel channel_of(const RulePlan& plan) {
  Channel channel;
  channel.set_id(plan.channel);
  channel.set_rule(plan.channel_name);
  channel.set_message(plan.schema.message);
  *channel.mutable_files() = plan.schema.files;
  return channel;
}

Result<Listing> Listing::take(backend::Guest& guest, const Options& options,
                              const std::unordered_set<std::uint32_t>& known_modules,
                              const std::stop_token& stopped) {
  auto listed = guest.list();
  if (!listed) return fail(std::move(listed.error()));
  Listing listing{.catalog = *std::move(listed), .loaded = {}, .untyped = {}};
  const auto is_new = [&](const backend::GuestModule& module) { return !known_modules.contains(module.id); };
  const auto news = static_cast<std::size_t>(std::ranges::count_if(listing.catalog.modules, is_new));
  if (known_modules.size() + news > types::kObjectsMax) {
    return fail({.code = Errc::too_large,
                 .operation = "load types",
                 .subject = "the number of objects that the guest loaded since the capture began",
                 .number = types::kObjectsMax});
  }
  types::ModuleLoader loader({.debug_dirs = options.debug_dirs});
  for (const backend::GuestModule& module : listing.catalog.modules) {
    if (!is_new(module)) continue;
    if (stopped.stop_requested()) loader.stop();
    auto object = loader.load(module);
    if (object)
      listing.loaded.emplace_back(module.id, as_it_runs(*std::move(object), module, listing.catalog));
    else
      listing.untyped.emplace_back(module.id, std::move(object.error()));
  }
  return listing;
}

Result<std::unique_ptr<Plans>> Plans::read(backend::Guest& guest, const Options& options) {
  auto listing = Listing::take(guest, options, {});
  if (!listing) return fail(std::move(listing.error()));
  auto plans = std::make_unique<Plans>();
  plans->take_objects(*listing);
  plans->listed_ = std::move(listing->catalog);
  if (auto read = plans->load_kernel(guest, plans->listed_, options); !read)
    return fail(std::move(read.error()));
  if (auto read = plans->load_cpus(guest, plans->listed_, options); !read)
    return fail(std::move(read.error()));
  return plans;
}

Result<void> Plans::resolve(const Options& options, ChannelId& next_channel) {
  const backend::GuestCatalog listed = std::exchange(listed_, {});
  timers_.resize(options.rules.size());
  for (std::size_t i = 0; i < options.rules.size(); ++i) {
    const Rule& rule = options.rules[i];
    if (!rule.on.empty()) {
      const bool known = std::ranges::any_of(
          listed.sites, [&](const auto& site) { return site.is_trigger && site.name == rule.on; });
      if (!known) return unknown_trigger(rule.on, listed);
      if (auto planned = plan_trigger(i, listed, options, next_channel); !planned) return planned;
    }
    if (rule.on.empty() || rule.every.count() > 0) {
      const types::Scope scope{
          .objects = objects_, .kernel = kernel_.get(), .per_cpu_offsets = per_cpu_offsets_};
      const auto fixed = [mode = rule.on.empty() ? default_mode(rule) : PAUSED](const auto&) -> Result<Mode> {
        return mode;
      };
      auto plan = plan_rule(rule, scope, fixed, next_channel);
      if (!plan) return fail(std::move(plan.error()));
      if (rule.every.count() > 0) {
        timers_[i] = std::make_unique<SitePlan>();
        timers_[i]->trigger = "every";
        if (auto fed = feed(*timers_[i], **plan, options); !fed) return fed;
      }
      if (!manual_) {
        manual_ = std::make_unique<SitePlan>();
        manual_->trigger = "manual";
      }
      if (auto fed = feed(*manual_, **plan, options); !fed) return fed;
    }
  }
  publish();
  return {};
}

void Plans::update(Listing listing) {
  take_objects(listing);
  update_.emplace(Update{.listed = std::move(listing.catalog)});
}

Result<void> Plans::step(const Options& options, ChannelId& next_channel) {
  const auto planned = plan_listed(options, next_channel);
  if (planned && !*planned) return {};
  update_.reset();
  publish();
  if (!planned) return fail(Error(planned.error()));
  return {};
}

// True if that was all.
Result<bool> Plans::plan_listed(const Options& options, ChannelId& next_channel) {
  auto& [listed, rule, next] = *update_;
  for (effort_ = 0; rule < options.rules.size(); ++rule, next = 0) {
    const std::string& on = options.rules[rule].on;
    while (!on.empty() && next < listed.sites.size()) {
      if (effort_ >= kStep) return false;
      ++effort_;
      const backend::GuestSite& site = listed.sites[next++];
      if (!site.is_trigger || site.name != on || by_id_.contains(site.id)) continue;
      if (auto planned = plan_site(rule, site, options, next_channel); !planned)
        return fail(std::move(planned.error()));
    }
  }
  return true;
}

std::unordered_set<std::uint32_t> Plans::known_modules() const {
  std::unordered_set<std::uint32_t> known;
  for (const auto& [module, object] : object_of_module_) known.insert(module);
  for (const auto& [module, untyped] : untyped_) known.insert(module);
  return known;
}

Result<void> Plans::load_kernel(backend::Guest& guest, const backend::GuestCatalog& listed,
                                const Options& options) {
  const bool is_needed = std::ranges::any_of(
      options.rules, [](const Rule& rule) { return std::ranges::any_of(rule.read, types::needs_kernel); });
  if (!is_needed) return {};
  auto read = types::Kernel::read(guest, listed.kernel, listed.why_no_kernel);
  if (!read) return fail(std::move(read.error()));
  kernel_ = *std::move(read);
  return {};
}

Result<void> Plans::load_cpus(backend::Guest& guest, const backend::GuestCatalog& listed,
                              const Options& options) {
  const bool is_needed = std::ranges::any_of(
      options.rules, [](const Rule& rule) { return std::ranges::any_of(rule.read, types::needs_cpus); });
  if (!is_needed || !listed.kernel) return {};
  auto offsets = types::read_per_cpu_offsets(*listed.kernel, guest);
  if (!offsets) return fail(std::move(offsets.error()));
  per_cpu_offsets_ = *std::move(offsets);
  return {};
}

void Plans::publish() {
  by_id_.merge(fresh_);
  if (!kernel_) return;
  auto catalog = kernel_->publish();
  const bool is_known = std::ranges::any_of(
      objects_, [&](const types::LoadedObject& object) { return object.catalog == catalog; });
  if (!is_known) objects_.push_back({.catalog = std::move(catalog)});
}

void Plans::take_objects(const Listing& listing) {
  for (const auto& [id, loaded] : listing.loaded) {
    const auto module = std::ranges::find(listing.catalog.modules, id, &backend::GuestModule::id);
    if (module == listing.catalog.modules.end() || object_of_module_.contains(id)) continue;
    object_of_module_[id] = objects_.size();
    objects_.push_back({.catalog = known_before(loaded), .load_bias = module->load_bias});
  }
  if (listing.untyped.empty()) return;
  std::unordered_map<std::uint32_t, std::vector<std::string>> marks;
  for (const backend::GuestSite& site : listing.catalog.sites)
    if (!site.is_trigger) marks[site.module].push_back(site.name);
  for (const auto& [id, why] : listing.untyped)
    untyped_.try_emplace(id, Untyped{.why = why, .marks = std::move(marks[id])});
}

Error Plans::why_unknown(Error error, std::string_view expression) const {
  if (error.code != Errc::unknown_name) return error;
  for (const auto& [module, untyped] : untyped_)
    for (const std::string& mark : untyped.marks)
      if (expression.find(mark) != std::string_view::npos) return untyped.why;
  return error;
}

// An object that is loaded again has the types that it had.
std::shared_ptr<const types::Catalog> Plans::known_before(
    std::shared_ptr<const types::Catalog> catalog) const {
  const auto same_variable = [](const types::Mark& x, const types::Mark& y) {
    return x.variable == y.variable;
  };
  for (const types::LoadedObject& object : objects_) {
    if (object.catalog->build_id == catalog->build_id && object.catalog->object == catalog->object &&
        std::ranges::equal(object.catalog->marks, catalog->marks, same_variable))
      return object.catalog;
  }
  return catalog;
}

Result<void> Plans::plan_trigger(std::size_t rule, const backend::GuestCatalog& listed,
                                 const Options& options, ChannelId& next_channel) {
  for (const backend::GuestSite& site : listed.sites) {
    if (!site.is_trigger || site.name != options.rules[rule].on) continue;
    if (auto planned = plan_site(rule, site, options, next_channel); !planned) return planned;
  }
  return {};
}

Result<void> Plans::plan_site(std::size_t rule_index, const backend::GuestSite& site, const Options& options,
                              ChannelId& next_channel) {
  const Rule& rule = options.rules[rule_index];
  const auto at = object_of_module_.find(site.module);
  if (const auto untyped = untyped_.find(site.module); untyped != untyped_.end())
    return fail(untyped->second.why);
  if (at == object_of_module_.end())
    return fail({.code = Errc::protocol, .subject = "a trigger lies in a module that has changed meanwhile"});
  const types::LoadedObject& object = objects_[at->second];
  const std::uint64_t address = site.descriptor.value - object.load_bias;
  const types::TriggerSite* described = described_at(*object.catalog, LinkAddr{address});
  if (described == nullptr || described->arguments_size != site.size)
    return fail({.code = Errc::bad_debug_info,
                 .operation = "find trigger",
                 .subject = object.catalog->object,
                 .number = address,
                 .hint = "the trigger " + site.name +
                         " stands in the running guest but not in the debug information"});

  SitePlan* plan = nullptr;
  if (const auto known = fresh_.find(site.id); known != fresh_.end()) {
    plan = known->second;
    const bool planned =
        std::ranges::any_of(plan->feeds, [&](const Feed& feed) { return feed.rule->rule == &rule; });
    if (planned) return {};
    if (auto fits = check_packet_rule(rule, site, plan); !fits) return fits;
  } else {
    if (auto fits = check_packet_rule(rule, site, nullptr); !fits) return fits;
    if (sites_.size() >= kSitesMax)
      return fail({.code = Errc::too_large,
                   .operation = "plan rule",
                   .subject = "the number of trigger sites that the guest named since the capture began",
                   .number = kSitesMax});
    plan = &sites_.emplace_back();
    plan->trigger = site.name;
    plan->id = site.id;
    plan->arguments_size = site.size;
    plan->arm.trigger = site.id;
    plan->arm.filter = rule.filter.steps;
    plan->object = object.catalog;
    fresh_[site.id] = plan;
  }
  const ShapeKey shape{&rule, object.catalog.get(), object.load_bias, shape_of(*object.catalog, *described)};
  if (const auto same = by_shape_.find(shape); same != by_shape_.end())
    return feed(*plan, *same->second, options);
  effort_ += kStep;
  const types::Scope scope{.objects = objects_,
                           .site_object = &object,
                           .site = described,
                           .kernel = kernel_.get(),
                           .per_cpu_offsets = per_cpu_offsets_};
  const auto mode = [&](const std::vector<types::Value>& values) -> Result<Mode> {
    return site.fires_in_host ? mode_beside_guest(rule, values) : default_mode(rule);
  };
  auto made = plan_rule(rule, scope, mode, next_channel);
  if (!made) return fail(std::move(made.error()));
  by_shape_[shape] = *made;
  return feed(*plan, **made, options);
}

const types::TriggerSite* Plans::described_at(const types::Catalog& catalog, LinkAddr descriptor) {
  const auto [known, is_new] = described_.try_emplace(&catalog);
  if (is_new) {
    for (const types::TriggerSite& site : catalog.triggers)
      known->second.try_emplace(site.descriptor.value, &site);
    effort_ += catalog.triggers.size();
  }
  const auto found = known->second.find(descriptor.value);
  return found == known->second.end() ? nullptr : found->second;
}

// Its arguments: names, places and spelled types.
std::string_view Plans::shape_of(const types::Catalog& catalog, const types::TriggerSite& site) {
  const auto [known, is_new] = shapes_.try_emplace(&site);
  if (is_new) {
    for (const types::Argument& argument : site.arguments)
      known->second +=
          fmt::format("{}\n{}\n{}\n", argument.name, argument.offset, catalog.spelling(argument.type));
    effort_ += site.arguments.size();
  }
  return known->second;
}

Result<const RulePlan*> Plans::plan_rule(const Rule& rule, const types::Scope& scope, const ModeOf& mode_of,
                                         ChannelId& next_channel) {
  const std::size_t count = rule.read.size() + (rule.snap != 0 ? 1 : 0);
  if (count > VMITAP_FETCH_MAX)
    return fail({.code = Errc::too_large,
                 .operation = "plan rule",
                 .subject = "the number of values in rule " + name_of(rule),
                 .number = VMITAP_FETCH_MAX});
  RulePlan plan;
  plan.rule = &rule;
  const auto take = [&](types::Value value) {
    plan.value_offsets.push_back(plan.values_size);
    plan.values_size += value.fetch.size;
    plan.values.push_back(std::move(value));
  };
  for (const std::string& expression : rule.read) {
    auto value = types::resolve(expression, scope);
    if (!value) {
      Error error = why_unknown(std::move(value.error()), expression);
      error.rule = name_of(rule);
      error.expression = expression;
      return fail(std::move(error));
    }
    take(*std::move(value));
  }
  auto mode = mode_of(plan.values);
  if (!mode) return fail(std::move(mode.error()));
  plan.mode = *mode;
  if (auto guarded = guard(plan, scope); !guarded) return fail(std::move(guarded.error()));
  if (rule.snap != 0 && scope.site != nullptr) take(packet_bytes(rule.snap));
  std::size_t& same_name = names_[name_of(rule)];
  plan.channel_name = name_of(rule) + (same_name > 0 ? "#" + std::to_string(same_name + 1) : "");
  if (next_channel == std::numeric_limits<ChannelId>::max())
    return fail({.code = Errc::too_large,
                 .operation = "plan rule",
                 .subject = "the number of shapes that the rules' records have",
                 .number = next_channel});
  plan.channel = next_channel++;
  auto schema = types::make_schema(
      plan.channel_name, scope.site != nullptr ? scope.site_object->catalog.get() : nullptr,
      scope.site != nullptr ? std::span<const types::Argument>(scope.site->arguments)
                            : std::span<const types::Argument>(),
      scope.site != nullptr ? scope.site->arguments_size : 0, plan.values);
  if (!schema) return fail(std::move(schema.error()));
  plan.schema = *std::move(schema);
  std::size_t encoded_max = 0;
  for (const types::EncodePlan& value : plan.schema.values) encoded_max += value.encoded_max();
  if (encoded_max > kRecordMax)
    return fail({.code = Errc::too_large,
                 .operation = "plan rule",
                 .subject = "what a record of rule " + name_of(rule) + " may become, in bytes,",
                 .number = kRecordMax,
                 .hint = "read members, or fewer elements, and not the whole"});
  ++same_name;
  return &rules_.emplace_back(std::move(plan));
}

// What the guest copies itself when it fires needs no witness.
Result<void> Plans::guard(RulePlan& plan, const types::Scope& scope) {
  if (plan.mode == INLINE || scope.site == nullptr) return {};
  for (const types::Witness& witness : scope.site->witnesses) {
    const auto pointer = std::ranges::find(scope.site->arguments, witness.pointer, &types::Argument::name);
    if (pointer == scope.site->arguments.end())
      continue;  // of another: it vouches for nothing that can be read
    Guard guard{.was_at = witness.offset, .is_count = witness.is_count, .offset = plan.guards_size};
    for (std::size_t i = 0; i < plan.values.size(); ++i) {
      const vmitap_fetch& fetch = plan.values[i].fetch;
      if (fetch.base == VMITAP_FETCH_ARGUMENT && fetch.hops > 0 && fetch.origin == pointer->offset)
        guard.guarded |= std::uint64_t{1} << i;
    }
    if (guard.guarded == 0) continue;
    auto value = types::resolve(witness.expression, scope);
    if (!value) return fail(std::move(value.error()));
    guard.fetch = value->fetch;
    if (!guard.is_count)  // the trigger widened what is less than an int
      guard.fetch.size = static_cast<std::uint32_t>(std::min<std::uint64_t>(value->fetch.size, witness.size));
    plan.guards_size += guard.fetch.size;
    plan.guards.push_back(guard);
  }
  return {};
}

Result<void> Plans::feed(SitePlan& site, const RulePlan& rule, const Options& options) {
  Feed feed{.rule = &rule, .inline_first = site.arm.inline_fetches.size()};
  for (const vmitap_fetch& fetch : site.arm.inline_fetches) feed.inline_offset += fetch.size;
  for (const types::Value& value : rule.values)
    if (is_copied_by_guest(value, rule.mode)) site.arm.inline_fetches.push_back(value.fetch);
  if (site.arm.inline_fetches.size() > VMITAP_FETCH_MAX) {
    return fail({.code = Errc::too_large,
                 .operation = "plan rule",
                 .subject = "the number of INLINE values at trigger " + site.trigger,
                 .number = VMITAP_FETCH_MAX});
  }
  if (rule.mode == SYNC) {
    site.arm.sync = true;
    site.arm.sync_timeout_us = static_cast<std::uint32_t>(options.sync_timeout.count());
  }
  site.feeds.push_back(feed);
  std::size_t values_size = 0;
  for (const Feed& each : site.feeds) values_size += each.rule->values_size + each.rule->guards_size;
  values_size_max_ = std::max(values_size_max_, values_size);
  site.payload_size = site.arguments_size;
  if (!site.arm.inline_fetches.empty()) site.payload_size += sizeof(std::uint64_t);
  for (const vmitap_fetch& fetch : site.arm.inline_fetches) site.payload_size += fetch.size;
  if (site.payload_size > VMITAP_RECORD_PAYLOAD_MAX)
    return fail({.code = Errc::too_large,
                 .operation = "plan rule",
                 .subject = "the bytes of arguments and INLINE values at trigger " + site.trigger,
                 .number = VMITAP_RECORD_PAYLOAD_MAX,
                 .hint = "read less at once, or take another mode"});
  if (site.object == nullptr) return {};  // a timer, or by hand: each of these is meant
  site.arm.sample = site.feeds.size() == 1 ? rule.rule->sample : std::gcd(site.arm.sample, rule.rule->sample);
  for (Feed& each : site.feeds) each.one_in = each.rule->rule->sample / site.arm.sample;
  return {};
}

}  // namespace vmitap::pipeline
