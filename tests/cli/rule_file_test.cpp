// SPDX-License-Identifier: MIT
#include "cli/rule_file.hpp"

#include <gtest/gtest.h>

#include "base/error_text.hpp"

namespace vmitap::cli {
namespace {

using std::chrono::microseconds;
using std::chrono::milliseconds;
using Strings = std::vector<std::string>;

// Where and what an error is, as the user reads it.
void expect_error(std::string_view text, const std::string& where, const std::string& what) {
  const auto rules = parse_rules(text, "r.toml");
  ASSERT_FALSE(rules.has_value()) << text;
  EXPECT_EQ(rules.error().code, Errc::bad_config);
  EXPECT_EQ(rules.error().subject, where) << text;
  EXPECT_NE(describe(rules.error()).find(what), std::string::npos) << describe(rules.error());
}

TEST(RuleFile, ReadsEveryKey) {
  const auto file = parse_rules(R"(
pause_budget = "5%"
sync_timeout = "20ms"
debug_dirs = ["/a", "/b"]
[[rule]]
name = "segments"
on = "tcp_segment"
mode = "inline"
sample = 3
filter = "tcp port 80"
snap = 96
read = ["pcb->state", "table[0:4]"]
[[rule]]
every = "250ms"
read = "a, (struct p *)q , f[1]"
)",
                                "r.toml");
  ASSERT_TRUE(file.has_value()) << describe(file.error());
  EXPECT_EQ(file->pause_budget, 0.05);
  EXPECT_EQ(file->sync_timeout, microseconds(20'000));
  EXPECT_EQ(file->debug_dirs, (Strings{"/a", "/b"}));
  ASSERT_EQ(file->rules.size(), 2u);
  EXPECT_EQ(file->rules[0].name, "segments");
  EXPECT_EQ(file->rules[0].on, "tcp_segment");
  EXPECT_EQ(file->rules[0].mode, INLINE);
  EXPECT_EQ(file->rules[0].sample, 3u);
  EXPECT_EQ(file->rules[0].filter.text, "tcp port 80");
  EXPECT_FALSE(file->rules[0].filter.steps.empty());
  EXPECT_EQ(file->rules[0].snap, 96u);
  EXPECT_EQ(file->rules[0].read, (Strings{"pcb->state", "table[0:4]"}));
  EXPECT_EQ(file->rules[1].every, milliseconds(250));
  EXPECT_EQ(file->rules[1].mode, std::nullopt);
  EXPECT_EQ(file->rules[1].read, (Strings{"a", "(struct p *)q", "f[1]"}));
}

TEST(RuleFile, TakesTheBudgetAsANumberToo) {
  EXPECT_EQ(parse_rules("pause_budget = 0.25\n[[rule]]\non=\"t\"", "r.toml")->pause_budget, 0.25);
  EXPECT_EQ(parse_rules("pause_budget = 1\n[[rule]]\non=\"t\"", "r.toml")->pause_budget, 1.0);
}

TEST(RuleFile, NamesTheNearestKey) {
  expect_error("[[rule]]\non = \"t\"\nmdoe = \"sync\"\n", "r.toml:3:1", "did you mean \"mode\"?");
  expect_error("pause_bugdet = \"5%\"\n[[rule]]\non=\"t\"\n", "r.toml:1:1", "did you mean \"pause_budget\"?");
  expect_error("[[rules]]\non = \"t\"\n", "r.toml:1:3", "did you mean \"rule\"?");
  expect_error("[[rule]]\nzzz = 1\n", "r.toml:2:1",
               "known are name, on, every, read, mode, sample, filter, snap");
}

TEST(RuleFile, TellsWhereAValueIsWrong) {
  expect_error("[[rule]]\non = \"t\"\nmode = \"pausd\"\n", "r.toml:3:8", "did you mean \"paused\"?");
  expect_error("[[rule]]\nread = \"a\"\nevery = \"10 parsecs\"\n", "r.toml:3:9", "expected a duration");
  expect_error("[[rule]]\nread = \"a\"\nevery = \"0\"\n", "r.toml:3:9", "above 0");
  expect_error("[[rule]]\nread = \"a\"\nevery = 10\n", "r.toml:3:9", "a string in quotes");
  expect_error("[[rule]]\nread = [\"a\", 3]\n", "r.toml:2:14", "a string in quotes");
  expect_error("[[rule]]\nread = [\"a\", \" \"]\n", "r.toml:2:8", "empty");
  expect_error("[[rule]]\nread = \"a,,b\"\n", "r.toml:2:8", "commas");
  expect_error("[[rule]]\nread = 3\n", "r.toml:2:8", "a list of strings");
  expect_error("[[rule]]\non = \"\"\n", "r.toml:2:6", "empty");
  expect_error("[[rule]]\non = \"t\"\nsample = 0\n", "r.toml:3:10", "at least 1");
  expect_error("[[rule]]\non = \"t\"\nfilter = \"tcp prot 80\"\n", "r.toml:3:10", "syntax error");
  expect_error("[[rule]]\non = \"t\"\nsnap = 0\n", "r.toml:3:8", "number of bytes");
  expect_error("[[rule]]\non = \"t\"\nsample = 4294967296\n", "r.toml:3:10", "at least 1");
  expect_error("pause_budget = \"120%\"\n[[rule]]\non = \"t\"\n", "r.toml:1:16", "0% to 100%");
  expect_error("pause_budget = -0.5\n[[rule]]\non = \"t\"\n", "r.toml:1:16", "0% to 100%");
  expect_error("rule = 3\n", "r.toml:1:8", "[[rule]]");
}

TEST(RuleFile, RefusesRulesThatReadNothingOrShareAName) {
  expect_error("[[rule]]\nevery = \"1s\"\n", "r.toml:1:1", "reads nothing");
  expect_error("[[rule]]\nname=\"a\"\non=\"t\"\n[[rule]]\nname=\"a\"\non=\"u\"\n", "r.toml:5:6",
               "called \"a\" already");
  expect_error("", "r.toml:1:1", "no [[rule]]");
}

TEST(RuleFile, TellsWhereTomlItselfIsBroken) {
  const auto rules = parse_rules("[[rule]]\non = \"t\nread = \"a\"\n", "r.toml");
  ASSERT_FALSE(rules.has_value());
  EXPECT_TRUE(rules.error().subject.starts_with("r.toml:2:")) << rules.error().subject;
}

TEST(RuleFile, TellsAMissingFileFromABadOne) {
  const auto rules = read_rule_file("/nonexistent/rules.toml");
  ASSERT_FALSE(rules.has_value());
  EXPECT_EQ(rules.error().code, Errc::io);
  EXPECT_EQ(read_rule_file("/").error().code, Errc::io);
  EXPECT_EQ(read_rule_file("/dev/null").error().code, Errc::bad_config);
}

TEST(SplitExpressions, SplitsAtCommasOutsideOfBrackets) {
  EXPECT_EQ(*split_expressions("a"), (Strings{"a"}));
  EXPECT_EQ(*split_expressions("a,b.c, *d "), (Strings{"a", "b.c", "*d"}));
  EXPECT_EQ(*split_expressions("t[f(1,2)],(pair<a,b> *)c"), (Strings{"t[f(1,2)]", "(pair<a,b> *)c"}));
}

TEST(SplitExpressions, LeavesBracketsThatDoNotCloseToTheExpressionParser) {
  EXPECT_EQ(*split_expressions("a[0,b"), (Strings{"a[0,b"}));
  EXPECT_EQ(*split_expressions("a)0,b"), (Strings{"a)0", "b"}));
}

TEST(SplitExpressions, PointsAtWhatIsMissing) {
  for (const auto& [text, column] : {std::pair("", 1u), {"a,", 3u}, {",a", 1u}, {"a, ,b", 4u}}) {
    const auto split = split_expressions(text);
    ASSERT_FALSE(split.has_value()) << text;
    EXPECT_EQ(split.error().code, Errc::bad_expression);
    EXPECT_EQ(split.error().number, column) << text;
  }
}

TEST(ModeNamed, KnowsFourModesAndTheirNeighbours) {
  EXPECT_EQ(*mode_named("sync"), SYNC);
  EXPECT_EQ(*mode_named("paused"), PAUSED);
  EXPECT_EQ(*mode_named("live"), LIVE);
  EXPECT_EQ(*mode_named("inline"), INLINE);
  EXPECT_EQ(mode_named("SYNC").error().hint, "did you mean \"sync\"?");
  EXPECT_EQ(mode_named("zebra").error().hint, "expected one of sync, paused, live, inline");
}

}  // namespace
}  // namespace vmitap::cli
