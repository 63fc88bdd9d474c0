// SPDX-License-Identifier: MIT
// Guests that fork, exec, load and unload objects, close what they do not know, and end.
#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include <fstream>

#include "subject.hpp"
#include "test_host.hpp"

namespace vmitap::test {
namespace {

#ifdef VMITAP_TSAN
#define SKIP_UNDER_TSAN() GTEST_SKIP() << "TSan knows no threads in children of threaded programs"
#else
#define SKIP_UNDER_TSAN() static_cast<void>(0)
#endif

std::string maps_of(pid_t pid) {
  std::ifstream maps("/proc/" + std::to_string(pid) + "/maps");
  return {(std::istreambuf_iterator<char>(maps)), {}};
}

void fork_with(const char* background) {
  Subject subject;
  TestHost parent(subject.pid());
  ASSERT_EQ(parent.attach(), 0U);
  ASSERT_EQ(parent.arm({.trigger = "beat"}), 0U);
  ASSERT_EQ(parent.arm({.trigger = "pulse", .sample = 1000}), 0U);
  ASSERT_EQ(subject.tell("fire 5"), "ok");
  ASSERT_EQ(subject.tell(background), "ok");

  const pid_t child = static_cast<pid_t>(std::stol(subject.tell("fork")));
  ASSERT_NE(child, subject.pid());
  const auto beat = parent.catalog().triggers.at("beat").wire.id;
  const auto beats = [&](const std::vector<Seen>& seen) {
    std::size_t count = 0;
    for (const Seen& record : seen) count += record.trigger == beat;
    return count;
  };
  EXPECT_EQ(beats(parent.drain()), 5U);
  ASSERT_EQ(subject.tell("fire 7"), "ok") << "in the child, where nobody listens";
  EXPECT_EQ(beats(parent.drain()), 0U);
  EXPECT_EQ(maps_of(child).find("memfd:vmitap"), std::string::npos) << "the parent's rings";

  {  // The child is a guest of its own.
    TestHost host(child);
    EXPECT_EQ(host.welcome().pid, static_cast<std::uint32_t>(child));
    EXPECT_EQ(host.welcome().captured_by, 0U);
    ASSERT_EQ(host.attach(), 0U);
    ASSERT_EQ(host.arm({.trigger = "beat"}), 0U);
    ASSERT_EQ(subject.tell("fire 9"), "ok");
    const auto seen = host.drain();
    EXPECT_EQ(seen.size(), 9U);
    for (const Seen& record : seen) EXPECT_EQ(record.owner, static_cast<std::uint32_t>(child));
    EXPECT_EQ(beats(parent.drain()), 0U);
  }
  EXPECT_EQ(subject.tell("exit 3"), "child 3");
  ASSERT_EQ(subject.tell("fire 4"), "ok") << "in the parent again";
  EXPECT_EQ(beats(parent.drain()), 4U);
  EXPECT_EQ(parent.losses(true), 0U);
  EXPECT_EQ(subject.finish(), 0);
}

TEST(GuestLife, ForksWithOneThread) {
  SKIP_UNDER_TSAN();
  fork_with("background 0");
}

TEST(GuestLife, ForksWhileOthersFire) {
  SKIP_UNDER_TSAN();
  fork_with("background 2");
}

TEST(GuestLife, ForksOverGenerations) {
  SKIP_UNDER_TSAN();
  Subject subject;
  pid_t pid = subject.pid();
  for (int generation = 0; generation < 5; ++generation) {
    TestHost host(pid);
    ASSERT_EQ(host.attach(), 0U);
    ASSERT_EQ(host.arm({.trigger = "beat"}), 0U);
    ASSERT_EQ(subject.tell("fire 2"), "ok");
    EXPECT_EQ(host.drain().size(), 2U);
    pid = static_cast<pid_t>(std::stol(subject.tell("fork")));
  }
  for (int generation = 0; generation < 5; ++generation) EXPECT_EQ(subject.tell("exit 1"), "child 1");
}

TEST(GuestLife, KeepsAChildWithoutForkHandlersFromTheRings) {
  Subject subject;
  TestHost host(subject.pid());
  ASSERT_EQ(host.attach(), 0U);
  ASSERT_EQ(host.arm({.trigger = "beat"}), 0U);
  ASSERT_EQ(subject.tell("fire 3"), "ok");
  EXPECT_EQ(subject.tell("clone 100"), "child 0");
  EXPECT_EQ(host.drain().size(), 3U);
  ASSERT_EQ(subject.tell("fire 3"), "ok");
  EXPECT_EQ(host.drain().size(), 3U);
}

TEST(GuestLife, LeavesSpawnedProgramsAlone) {
  Subject subject;
  TestHost host(subject.pid());
  ASSERT_EQ(host.attach(), 0U);
  EXPECT_EQ(subject.tell("spawn"), "0");
  ASSERT_EQ(host.arm({.trigger = "beat"}), 0U);
  ASSERT_EQ(subject.tell("fire 3"), "ok");
  EXPECT_EQ(host.drain().size(), 3U);
}

TEST(GuestLife, EndsTheSessionOnExec) {
  Subject subject;
  const long descriptors = subject.numbers("status")[0];
  TestHost host(subject.pid());
  ASSERT_EQ(host.attach(), 0U);
  ASSERT_EQ(host.arm({.trigger = "beat"}), 0U);
  EXPECT_EQ(subject.tell("exec"), std::to_string(subject.pid()));
  EXPECT_EQ(host.receive().type, 0U) << "the end of the connection";
  EXPECT_EQ(subject.numbers("status")[0], descriptors) << "nothing was inherited";
  TestHost next(subject.pid());
  ASSERT_EQ(next.attach(), 0U);
  ASSERT_EQ(next.arm({.trigger = "beat"}), 0U);
  ASSERT_EQ(subject.tell("fire 3"), "ok");
  EXPECT_EQ(next.drain().size(), 3U);
}

void load_and_unload(const std::string& plugin, std::size_t per_call) {
  Subject subject;
  TestHost host(subject.pid());
  ASSERT_EQ(host.attach(), 0U);
  for (int round = 0; round < 3; ++round) {
    ASSERT_EQ(subject.tell("load " + plugin), "ok");
    EXPECT_EQ(host.receive().type, static_cast<std::uint32_t>(VMITAP_CHANGED));
    host.list();
    ASSERT_EQ(host.catalog().modules.size(), 2U);
    EXPECT_EQ(host.catalog().triggers.at("plugged").wire.arguments, 1U);
    EXPECT_EQ(host.catalog().marks.at("plugin_count").wire.size, 8U);
    for (const char* name : {"plugged", "plugged_template"}) {
      if (host.catalog().triggers.count(name) == 0) continue;
      const auto counter = host.catalog().marks.at("plugin_count").wire.variable;
      ASSERT_EQ(host.arm({.trigger = name, .fetches = {at_address(counter, 8)}}), 0U);
    }
    ASSERT_EQ(subject.tell("call 4"), "ok");
    const auto seen = host.drain();
    ASSERT_EQ(seen.size(), 4 * per_call);
    EXPECT_EQ(seen.back().at<std::uint64_t>(0), 4U);
    EXPECT_EQ(seen.back().at<std::uint64_t>(16), 4U) << "the mark";
    ASSERT_EQ(subject.tell("unload " + plugin), "1") << "really gone";
    EXPECT_EQ(host.receive().type, static_cast<std::uint32_t>(VMITAP_CHANGED));
    host.list();
    EXPECT_EQ(host.catalog().modules.size(), 1U);
    EXPECT_EQ(host.catalog().triggers.count("plugged"), 0U);
    EXPECT_EQ(host.catalog().marks.count("plugin_count"), 0U);
  }
  ASSERT_EQ(host.arm({.trigger = "beat"}), 0U);
  ASSERT_EQ(subject.tell("fire 3"), "ok");
  EXPECT_EQ(host.drain().size(), 3U);
  EXPECT_EQ(subject.finish(), 0);
}

TEST(GuestLife, LoadsAndUnloadsObjects) { load_and_unload(VMITAP_TEST_PLUGIN, 1); }

TEST(GuestLife, LoadsAndUnloadsObjectsInCxx) { load_and_unload(VMITAP_TEST_PLUGIN_CXX, 2); }

// A mark of an object that is gone is unreadable, not the end of the guest.
TEST(GuestLife, ReadsMarksOfAnUnloadedObjectAsFailed) {
  Subject subject;
  TestHost host(subject.pid());
  ASSERT_EQ(subject.tell(std::string("load ") + VMITAP_TEST_PLUGIN), "ok");
  ASSERT_EQ(host.attach(), 0U);
  const auto counter = host.catalog().marks.at("plugin_count").wire.variable;
  ASSERT_EQ(host.arm({.trigger = "beat", .fetches = {at_address(counter, 8)}}), 0U);
  ASSERT_EQ(subject.tell("fire 1"), "ok");
  ASSERT_EQ(subject.tell(std::string("unload ") + VMITAP_TEST_PLUGIN), "1");
  ASSERT_EQ(subject.tell("fire 1"), "ok");
  const auto seen = host.drain();
  ASSERT_EQ(seen.size(), 2U);
  EXPECT_EQ(seen[0].at<std::uint64_t>(16), 1U);
  EXPECT_EQ(seen[1].at<std::uint64_t>(16), 0U);
}

// A daemon closes every descriptor there is, ours too, and may open its own under their numbers.
TEST(GuestLife, SurvivesAProgramThatClosesEverything) {
  Subject subject;
  {
    TestHost host(subject.pid());
    ASSERT_EQ(host.attach(), 0U);
    ASSERT_EQ(host.arm({.trigger = "beat"}), 0U);
    ASSERT_EQ(subject.tell("close"), "ok");
    ASSERT_EQ(subject.tell("fire 3"), "ok");
    EXPECT_EQ(host.drain().size(), 3U);
  }
  for (int attempt = 0;; ++attempt) {  // the first may reach the socket that was closed
    ASSERT_LT(attempt, 20);
    try {
      TestHost host(subject.pid());
      if (host.attach() != 0) {
        usleep(100000);
        continue;
      }
      ASSERT_EQ(host.arm({.trigger = "beat"}), 0U);
      ASSERT_EQ(subject.tell("fire 3"), "ok");
      EXPECT_EQ(host.drain().size(), 3U);
      break;
    } catch (const std::runtime_error&) {
      usleep(100000);
    }
  }
  EXPECT_EQ(subject.finish(), 0);
}

TEST(GuestLife, EndsWhileThreadsFire) {
  for (int round = 0; round < 10; ++round) {
    Subject subject;
    TestHost host(subject.pid());
    ASSERT_EQ(host.attach(), 0U);
    ASSERT_EQ(host.arm({.trigger = "pulse"}), 0U);
    ASSERT_EQ(subject.tell("background 3"), "ok");
    host.drain_until([](const auto& seen) { return seen.size() > 100; });
    EXPECT_EQ(subject.finish(), 0);
  }
}

TEST(GuestLife, EndsWhileAThreadWaitsForTheHost) {
  Subject subject;
  TestHost host(subject.pid());
  ASSERT_EQ(host.attach(), 0U);
  ASSERT_EQ(host.arm({.trigger = "pulse", .sync = true, .sync_timeout_us = 600'000'000}), 0U);
  ASSERT_EQ(subject.tell("background 2"), "ok");
  host.drain_until([](const auto& seen) { return seen.size() == 2; });
  EXPECT_EQ(subject.finish(), 0);
  Message last = host.receive();
  while (last.type == VMITAP_CHANGED) last = host.receive();
  EXPECT_EQ(last.type, 0U) << "the end of the connection";
}

}  // namespace
}  // namespace vmitap::test
