// SPDX-License-Identifier: MIT
// What an agent may do to its host: nothing but be refused.
#include <dirent.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/eventfd.h>

#include <algorithm>
#include <memory>

#include "backend/guest.hpp"
#include "fake_agent.hpp"

namespace vmitap::backend {
namespace {

using test::eventually;
using test::FakeAgent;
using test::Subject;

int open_descriptors() {
  const std::unique_ptr<DIR, int (*)(DIR*)> directory(::opendir("/proc/self/fd"), ::closedir);
  int count = 0;
  while (::readdir(directory.get()) != nullptr) ++count;
  return count;
}

Errc error_of_open(const FakeAgent& agent) {
  const auto guest = open_guest(agent.name());
  EXPECT_FALSE(guest.has_value());
  return guest ? Errc::system : guest.error().code;
}

TEST(HostileAgent, ThatHangsUpOrSaysGarbageIsNoGuest) {
  EXPECT_EQ(error_of_open(FakeAgent([](int) {})), Errc::guest_gone);
  EXPECT_EQ(error_of_open(FakeAgent([](int c) { FakeAgent::say_raw(c, "garbage"); })), Errc::protocol);
  EXPECT_EQ(error_of_open(FakeAgent([](int c) { FakeAgent::say_raw(c, std::string(70000, 'x')); })),
            Errc::protocol);
  EXPECT_EQ(error_of_open(FakeAgent([](int c) { FakeAgent::say(c, VMITAP_LISTED); })), Errc::protocol);
  EXPECT_EQ(error_of_open(FakeAgent([](int c) { FakeAgent::say(c, VMITAP_CHANGED); })), Errc::protocol);
}

TEST(HostileAgent, OfAnotherVersionIsToldFromAHostileOne) {
  const FakeAgent agent([](int c) { FakeAgent::welcome(c, "old", 77); });
  const auto guest = open_guest(agent.name());
  ASSERT_FALSE(guest.has_value());
  EXPECT_EQ(guest.error().code, Errc::abi_mismatch);
  EXPECT_EQ(guest.error().number, 77u);
}

TEST(HostileAgent, ThatNeverAnswersIsWaitedForABoundedTime) {
  const FakeAgent agent([](int c) { FakeAgent::hear(c); });
  EXPECT_EQ(error_of_open(agent), Errc::timeout);
}

TEST(HostileAgent, ThatStandsStillIsExplained) {
  FakeAgent agent([](int c) { FakeAgent::welcome(c); });
  agent.child().signal(SIGSTOP);
  const auto guest = open_guest(agent.name());
  ASSERT_FALSE(guest.has_value());
  EXPECT_EQ(guest.error().code, Errc::timeout);
  EXPECT_NE(guest.error().hint.find("kill -CONT"), std::string::npos);
}

TEST(HostileAgent, WithTheAddressOfAnotherProcessIsNotBelieved) {
  const Subject victim("threads");
  const FakeAgent squatter([](int c) { FakeAgent::welcome(c, "victim"); }, victim.pid());
  const auto guest = open_guest(std::to_string(victim.pid()));
  ASSERT_FALSE(guest.has_value());
  EXPECT_EQ(guest.error().code, Errc::not_instrumented);
  EXPECT_NE(guest.error().hint.find(std::to_string(squatter.pid())), std::string::npos) << guest.error().hint;
  EXPECT_FALSE(open_guest("victim").has_value());
  const auto seen = seen_guests();
  const auto entry = std::find_if(seen.begin(), seen.end(), [&](const Seen& s) {
    return s.identity.id == static_cast<std::uint64_t>(victim.pid());
  });
  ASSERT_NE(entry, seen.end());
  EXPECT_FALSE(entry->problem.empty());
}

TEST(HostileAgent, DoesNotHideTheOthers) {
  const FakeAgent silent([](int c) { FakeAgent::hear(c); });
  const FakeAgent garbage([](int c) { FakeAgent::say_raw(c, "x"); });
  const FakeAgent good([](int c) {
    FakeAgent::welcome(c, "the-good-one");
    FakeAgent::hear(c);
  });
  EXPECT_TRUE(open_guest("the-good-one").has_value());
  for (const Seen& seen : seen_guests()) {
    const auto id = static_cast<pid_t>(seen.identity.id);
    if (id != good.pid() && id != silent.pid() && id != garbage.pid()) continue;
    EXPECT_EQ(seen.problem.empty(), id == good.pid()) << seen.problem;
  }
}

// Says WELCOME, then for each request what `answer` does.
FakeAgent agent_that_answers(const std::function<void(int, std::uint32_t)>& answer) {
  return FakeAgent([answer](int c) {
    FakeAgent::welcome(c);
    for (std::uint32_t type; (type = FakeAgent::hear(c)) != 0;) answer(c, type);
  });
}

void list_fails(const std::function<void(int)>& answer, Errc code) {
  const FakeAgent agent = agent_that_answers([&](int c, std::uint32_t) { answer(c); });
  auto guest = open_guest(agent.name());
  ASSERT_TRUE(guest.has_value());
  const auto catalog = (*guest)->list();
  ASSERT_FALSE(catalog.has_value());
  EXPECT_EQ(catalog.error().code, code) << catalog.error().subject;
  // What is left of the conversation is no longer listened to.
  EXPECT_EQ((*guest)->list().has_value(), false);
  ASSERT_TRUE(eventually([&] { return (*guest)->on_control() == Guest::ControlEvent::gone; }));
  EXPECT_NE((*guest)->epitaph(), "");
}

std::string a_module(std::uint32_t id) {
  vmitap_module module{};
  module.id = id;
  module.start = 0x1000;
  module.end = 0x2000;
  return FakeAgent::bytes(module) + "/bin/x";
}

TEST(HostileAgent, ListsAreChecked) {
  list_fails([](int c) { FakeAgent::say(c, VMITAP_DONE); }, Errc::protocol);
  list_fails([](int c) { FakeAgent::say_raw(c, "garbage"); }, Errc::protocol);
  list_fails([](int c) { ::shutdown(c, SHUT_RDWR); }, Errc::guest_gone);
  list_fails(
      [](int c) {
        for (int i = 0; i < 2; ++i) FakeAgent::say(c, VMITAP_MODULE, a_module(1));
        FakeAgent::say(c, VMITAP_LISTED);
      },
      Errc::protocol);
  list_fails(
      [](int c) {
        for (std::uint32_t i = 0; i < 5000; ++i) FakeAgent::say(c, VMITAP_MODULE, a_module(i));
      },
      Errc::protocol);
  list_fails(
      [](int c) {
        vmitap_site site{};
        site.module = 4;
        FakeAgent::say(c, VMITAP_MARK_SITE, FakeAgent::bytes(site) + "x");
        FakeAgent::say(c, VMITAP_LISTED);
      },
      Errc::protocol);
}

TEST(HostileAgent, AListWithNewsInItsMiddleIsAListAndNews) {
  const FakeAgent agent = agent_that_answers([](int c, std::uint32_t) {
    FakeAgent::say(c, VMITAP_CHANGED);
    FakeAgent::say(c, VMITAP_MODULE, a_module(1));
    FakeAgent::say(c, VMITAP_CHANGED);
    FakeAgent::say(c, VMITAP_LISTED);
  });
  auto guest = open_guest(agent.name());
  ASSERT_TRUE(guest.has_value());
  const auto catalog = (*guest)->list();
  ASSERT_TRUE(catalog.has_value());
  EXPECT_EQ(catalog->modules.size(), 1u);
  pollfd news{.fd = (*guest)->control(), .events = POLLIN, .revents = 0};
  EXPECT_EQ(::poll(&news, 1, 0), 1);
  EXPECT_EQ((*guest)->on_control(), Guest::ControlEvent::changed);
  EXPECT_EQ((*guest)->on_control(), Guest::ControlEvent::none);
  EXPECT_EQ(::poll(&news, 1, 0), 0);
}

TEST(HostileAgent, AFloodOfNewsIsTakenInPieces) {
  const FakeAgent agent([](int c) {
    FakeAgent::welcome(c);
    for (int i = 0; i < 1000; ++i) FakeAgent::say(c, VMITAP_CHANGED);
    FakeAgent::hear(c);
  });
  auto guest = open_guest(agent.name());
  ASSERT_TRUE(guest.has_value());
  int changed = 0;
  EXPECT_TRUE(eventually([&] {
    if ((*guest)->on_control() == Guest::ControlEvent::changed) ++changed;
    return changed >= 5;
  }));
}

void attach_fails(const std::function<void(int)>& answer, Errc code) {
  const FakeAgent agent = agent_that_answers([&](int c, std::uint32_t) { answer(c); });
  const int before = open_descriptors();
  {
    auto guest = open_guest(agent.name());
    ASSERT_TRUE(guest.has_value());
    const auto attached = (*guest)->attach();
    ASSERT_FALSE(attached.has_value());
    EXPECT_EQ(attached.error().code, code) << attached.error().subject;
    EXPECT_TRUE((*guest)->channel().guest_region.empty());
    EXPECT_EQ((*guest)->doorbell(), -1);
  }
  EXPECT_EQ(open_descriptors(), before);  // what was sent is closed
}

int plain_memfd() {
  const int fd = ::memfd_create("fake", MFD_CLOEXEC | MFD_ALLOW_SEALING);
  if (::ftruncate(fd, 1 << 20) != 0) std::abort();
  return fd;
}

TEST(HostileAgent, WhatItLendsIsChecked) {
  attach_fails([](int c) { FakeAgent::say(c, VMITAP_ATTACHED); }, Errc::protocol);
  attach_fails([](int c) { FakeAgent::say(c, VMITAP_ATTACHED, "", {plain_memfd()}); }, Errc::protocol);
  attach_fails(
      [](int c) {
        FakeAgent::say(c, VMITAP_ATTACHED, "", {plain_memfd(), plain_memfd(), ::eventfd(0, 0)});
      },
      Errc::protocol);
  attach_fails([](int c) { FakeAgent::say(c, VMITAP_ATTACHED, "", std::vector<int>(200, STDIN_FILENO)); },
               Errc::protocol);
  attach_fails([](int c) { FakeAgent::say(c, VMITAP_DONE, "", {STDIN_FILENO}); }, Errc::protocol);
  attach_fails([](int c) { FakeAgent::say(c, VMITAP_DONE); }, Errc::protocol);
}

TEST(HostileAgent, RefusalsAreTranslated) {
  const auto refusal = [](std::uint32_t reason, std::uint32_t detail) {
    return [=](int c) {
      FakeAgent::say(c, VMITAP_REFUSED, FakeAgent::bytes(vmitap_refused{reason, detail}));
    };
  };
  attach_fails(refusal(VMITAP_REFUSED_CAPTURED, 12), Errc::already_captured);
  attach_fails(refusal(VMITAP_REFUSED_VERSION, 2), Errc::abi_mismatch);
  attach_fails(refusal(VMITAP_REFUSED_MEMORY, ENOMEM), Errc::system);
  attach_fails(refusal(12345, 0), Errc::protocol);
}

TEST(HostileAgent, ARefusedRequestLeavesTheSessionStanding) {
  int requests = 0;
  const FakeAgent agent = agent_that_answers([&](int c, std::uint32_t) {
    if (requests++ == 0) {
      FakeAgent::say(c, VMITAP_REFUSED, FakeAgent::bytes(vmitap_refused{VMITAP_REFUSED_TRIGGER, 0}));
    } else {
      FakeAgent::say(c, VMITAP_DONE);
    }
  });
  auto guest = open_guest(agent.name());
  ASSERT_TRUE(guest.has_value());
  const auto refused = (*guest)->arm({.trigger = {1}});
  ASSERT_FALSE(refused.has_value());
  EXPECT_EQ(refused.error().code, Errc::unknown_name);
  EXPECT_TRUE((*guest)->arm({.trigger = {2}}).has_value());
  EXPECT_TRUE((*guest)->disarm({2}).has_value());
}

TEST(HostileAgent, AnAnswerNobodyAskedForEndsTheSession) {
  const FakeAgent agent([](int c) {
    FakeAgent::welcome(c);
    FakeAgent::say(c, VMITAP_DONE);
    FakeAgent::hear(c);
  });
  auto guest = open_guest(agent.name());
  ASSERT_TRUE(guest.has_value());
  ASSERT_TRUE(eventually([&] { return (*guest)->on_control() == Guest::ControlEvent::gone; }));
  EXPECT_NE((*guest)->epitaph().find("broke the contract"), std::string::npos);
  EXPECT_EQ((*guest)->arm({.trigger = {1}}).error().code, Errc::guest_gone);
}

TEST(HostileAgent, TooManyInlineValuesAreOurOwnMistake) {
  const FakeAgent agent = agent_that_answers([](int c, std::uint32_t) { FakeAgent::say(c, VMITAP_DONE); });
  auto guest = open_guest(agent.name());
  ASSERT_TRUE(guest.has_value());
  ArmRequest request{.trigger = {1}};
  request.inline_fetches.resize(VMITAP_FETCH_MAX + 1);
  EXPECT_EQ((*guest)->arm(request).error().code, Errc::too_large);
  request.inline_fetches.resize(VMITAP_FETCH_MAX);
  EXPECT_TRUE((*guest)->arm(request).has_value());
}

}  // namespace
}  // namespace vmitap::backend
