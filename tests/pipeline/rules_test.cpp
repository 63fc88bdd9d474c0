// SPDX-License-Identifier: MIT
#include "pipeline/rules.hpp"

#include <gtest/gtest.h>

#include <algorithm>

#include "base/error_text.hpp"

namespace vmitap::pipeline {
namespace {

constexpr std::uint64_t kSent = 0x100;  // descriptors
constexpr std::uint64_t kReceived = 0x200;
constexpr std::uint32_t kEach = 8000;

// Two triggers with the same arguments.
std::shared_ptr<const types::Catalog> two_triggers() {
  auto catalog = std::make_shared<types::Catalog>();
  catalog->object = "program";
  catalog->types.push_back({.kind = types::Kind::integer,
                            .name = "int",
                            .size = 4,
                            .is_signed = true,
                            .members = {},
                            .enumerators = {}});
  for (const auto& [name, at] : {std::pair{"sent", kSent}, std::pair{"received", kReceived}})
    catalog->triggers.push_back({.name = name,
                                 .arguments = {{.name = "size", .type = 1}},
                                 .arguments_size = 4,
                                 .descriptor = {at},
                                 .file = {}});
  return catalog;
}

class Planning : public testing::Test {
 protected:
  Planning() {
    for (const char* on : {"sent", "received"}) {
      Rule rule;
      rule.on = on;
      rule.mode = LIVE;
      options_.rules.push_back(std::move(rule));
    }
  }

  void add_module(std::uint32_t id, std::uint64_t load_bias) {
    backend::GuestModule module;
    module.id = id;
    module.load_bias = load_bias;
    listing_.catalog.modules.push_back(std::move(module));
    listing_.loaded.emplace_back(id, catalog_);
  }
  void add_site(std::uint32_t module, std::uint64_t load_bias, const char* name, std::uint64_t descriptor) {
    backend::GuestSite site;
    site.is_trigger = true;
    site.id = {++last_id_};
    site.module = module;
    site.descriptor = {descriptor + load_bias};
    site.size = 4;
    site.name = name;
    listing_.catalog.sites.push_back(std::move(site));
  }
  void plan() {
    plans_.update(listing_);
    for (steps_ = 0; plans_.is_updating(); ++steps_) {
      const std::size_t before = plans_.sites().size();
      const auto planned = plans_.step(options_, next_channel_);
      ASSERT_TRUE(planned) << describe(planned.error());
      most_in_a_step_ = std::max(most_in_a_step_, plans_.sites().size() - before);
    }
  }

  std::shared_ptr<const types::Catalog> catalog_ = two_triggers();
  Options options_;
  Listing listing_;
  Plans plans_;
  ChannelId next_channel_ = 1;
  std::uint32_t last_id_ = 0;
  std::size_t steps_ = 0;
  std::size_t most_in_a_step_ = 0;
};

TEST_F(Planning, TakesThousandsOfSitesAFewAtATime) {
  add_module(1, 0x10000);
  for (std::uint32_t i = 0; i < kEach; ++i) add_site(1, 0x10000, "sent", kSent);
  for (std::uint32_t i = 0; i < kEach; ++i) add_site(1, 0x10000, "received", kReceived);
  plan();
  EXPECT_EQ(plans_.sites().size(), 2 * kEach);
  EXPECT_EQ(plans_.rules().size(), 2u) << "one channel for all sites of one shape";
  EXPECT_GT(steps_, 10u);
  EXPECT_LT(most_in_a_step_, kEach / 10);
}

TEST_F(Planning, GivesARecordNothingThatIsNotWhole) {
  add_module(1, 0);
  for (std::uint32_t i = 0; i < kEach; ++i) add_site(1, 0, "sent", kSent);
  plans_.update(listing_);
  ASSERT_TRUE(plans_.step(options_, next_channel_));
  ASSERT_TRUE(plans_.is_updating());
  EXPECT_FALSE(plans_.sites().empty());
  EXPECT_EQ(plans_.site({1}), nullptr);
  while (plans_.is_updating()) ASSERT_TRUE(plans_.step(options_, next_channel_));
  EXPECT_EQ(plans_.site({1}), &plans_.sites().front());
}

TEST_F(Planning, SharesAChannelAmongSitesOfOneShapeInOnePlace) {
  add_module(1, 0);
  add_module(2, 0x10000);
  add_site(1, 0, "sent", kSent);
  add_site(2, 0x10000, "sent", kSent);
  plan();
  ASSERT_EQ(plans_.rules().size(), 2u) << "each place has its own";
  EXPECT_EQ(plans_.rules()[1].channel_name, "sent#2");
  listing_.loaded.clear();
  add_module(3, 0x10000);  // loaded anew where the second was
  add_site(3, 0x10000, "sent", kSent);
  plan();
  ASSERT_EQ(plans_.sites().size(), 3u);
  EXPECT_EQ(plans_.rules().size(), 2u);
  EXPECT_EQ(plans_.sites()[2].feeds.at(0).rule, &plans_.rules()[1]);
}

TEST_F(Planning, OfANewerListTakesThePlaceOfAnOlder) {
  add_module(1, 0);
  for (std::uint32_t i = 0; i < kEach; ++i) add_site(1, 0, "sent", kSent);
  plans_.update(listing_);
  ASSERT_TRUE(plans_.step(options_, next_channel_));
  listing_.loaded.clear();
  plan();
  EXPECT_EQ(plans_.sites().size(), kEach);
  EXPECT_EQ(plans_.rules().size(), 1u);
  for (const SitePlan& site : plans_.sites()) EXPECT_EQ(site.feeds.size(), 1u);
}

}  // namespace
}  // namespace vmitap::pipeline
