// SPDX-License-Identifier: MIT
#include "base/error_text.hpp"

#include <gtest/gtest.h>

#include <cerrno>
#include <set>

namespace vmitap {
namespace {

constexpr auto kLast = static_cast<unsigned>(Errc::system);

TEST(ErrorText, NamesTheGuestWhoseDoingItIsOnce) {
  EXPECT_EQ(describe({.code = Errc::timeout, .subject = "an answer", .guest = "xen:web"}),
            "xen:web: waited too long for an answer");
  EXPECT_EQ(describe({.code = Errc::guest_gone, .subject = "xen:web", .guest = "xen:web"}),
            "guest \"xen:web\" is gone");
}

TEST(ErrorText, EachCodeHasASentenceAndARemedyOfItsOwn) {
  std::set<std::string> sentences;
  for (unsigned code = 0; code <= kLast; ++code) {
    const Error error{.code = static_cast<Errc>(code)};
    EXPECT_TRUE(sentences.insert(describe(error)).second) << describe(error);
    EXPECT_NE(describe(error), "unknown error") << code;
    EXPECT_FALSE(remedy(error).empty());
    EXPECT_FALSE(describe(error).ends_with('.'));
  }
  EXPECT_EQ(describe({.code = static_cast<Errc>(kLast + 1)}), "unknown error");
}

TEST(ErrorText, SaysToWhatItHappenedAndWhy) {
  EXPECT_EQ(describe({.code = Errc::io, .operation = "write", .subject = "out.mcap", .sys = ENOSPC}),
            "\"out.mcap\" failed: write: No space left on device");
  EXPECT_EQ(describe({.code = Errc::already_captured, .subject = "lwip", .number = 12}),
            "guest \"lwip\" is captured already, by process 12");
  EXPECT_EQ(describe({.code = Errc::unreadable_memory, .address = 0xbad0}),
            "guest memory at 0xbad0 cannot be read");
  EXPECT_EQ(describe({.code = Errc::bad_expression, .subject = "a..b", .number = 3}),
            "\"a..b\" is not an expression that can be read, from column 3");
}

TEST(ErrorText, SpeaksOfTheDisksRoomWhereThatMayBeIt) {
  EXPECT_NE(remedy({.code = Errc::io, .sys = ENOSPC}).find("room"), std::string::npos);
  EXPECT_EQ(remedy({.code = Errc::io, .sys = ENOENT}).find("room"), std::string::npos);
  EXPECT_EQ(remedy({.code = Errc::io, .sys = EISDIR}).find("room"), std::string::npos);
}

TEST(ErrorText, OfALongExpressionTheBeginIsShown) {
  const std::string text = describe({.code = Errc::bad_expression, .subject = std::string(5000, 'x')});
  EXPECT_TRUE(text.starts_with("\"" + std::string(60, 'x') + "…\"")) << text;
}

TEST(ErrorText, TheHintIsTheRemedy) {
  EXPECT_EQ(remedy({.code = Errc::unknown_name, .subject = "cwdn", .hint = "cwnd"}),
            "did you mean \"cwnd\"?");
  EXPECT_EQ(remedy({.code = Errc::ambiguous_name, .hint = "local:1, local:2"}),
            "say which one: local:1, local:2");
  EXPECT_EQ(remedy({.code = Errc::timeout, .hint = "it is stopped"}), "it is stopped");
}

TEST(ErrorText, ABadConfigurationSaysWhatIsWrongWithIt) {
  EXPECT_EQ(describe({.code = Errc::bad_config, .subject = "rule.toml", .number = 7, .hint = "no such key"}),
            "\"rule.toml\" cannot be used, line 7: no such key");
}

TEST(ErrorText, WhatAGuestChoseCannotReachTheTerminal) {
  for (unsigned code = 0; code <= kLast; ++code) {
    const Error error{.code = static_cast<Errc>(code), .subject = "a\x1b[31mb\n", .hint = "c\x1b]0;d\a"};
    for (const std::string& text : {describe(error), remedy(error)}) {
      EXPECT_EQ(text.find('\x1b'), std::string::npos) << text;
      EXPECT_EQ(text.find('\n'), std::string::npos) << text;
      EXPECT_EQ(text.find('\a'), std::string::npos) << text;
    }
  }
}

}  // namespace
}  // namespace vmitap
