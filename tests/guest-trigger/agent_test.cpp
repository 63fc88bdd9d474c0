// SPDX-License-Identifier: MIT
// The agent on its control socket: who it is, what it lists, whom it refuses.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <fstream>
#include <memory>
#include <random>

#include "subject.hpp"
#include "test_host.hpp"

namespace vmitap::test {
namespace {

using Words = std::vector<std::string>;

TEST(GuestAgent, SaysWhoItIs) {
  const Subject subject;
  const TestHost host(subject.pid());
  EXPECT_EQ(host.welcome().magic, VMITAP_CONTROL_MAGIC);
  EXPECT_EQ(host.welcome().abi_version, VMITAP_CONTROL_ABI_VERSION);
  EXPECT_EQ(host.welcome().pid, static_cast<std::uint32_t>(subject.pid()));
  EXPECT_EQ(host.welcome().captured_by, 0U);
  EXPECT_STREQ(host.welcome().name, "guest_subject");
}

TEST(GuestAgent, GoesByTheNameItIsGiven) {
  const Subject subject(Subject::Environment{{"VMITAP_NAME", "router"}});
  EXPECT_STREQ(TestHost(subject.pid()).welcome().name, "router");
}

TEST(GuestAgent, CutsANameThatIsTooLong) {
  const Subject subject(Subject::Environment{{"VMITAP_NAME", std::string(200, 'x')}});
  EXPECT_EQ(std::string(TestHost(subject.pid()).welcome().name), std::string(VMITAP_NAME_MAX - 1, 'x'));
}

TEST(GuestAgent, ListsTriggersAndMarksWithTheirObject) {
  const Subject subject;
  TestHost host(subject.pid());
  const Catalog& catalog = host.list();
  ASSERT_EQ(catalog.modules.size(), 1U);
  const auto& [module, path] = catalog.modules[0];
  EXPECT_EQ(path, std::string(VMITAP_TEST_SUBJECT));
  EXPECT_EQ(module.build_id_size, 20U);
  EXPECT_LT(module.start, module.end);

  const Site& beat = catalog.triggers.at("beat");
  EXPECT_EQ(beat.words, (Words{"beat", "sequence", "thread"}));
  EXPECT_EQ(beat.wire.arguments, 2U);
  EXPECT_EQ(beat.wire.size, 16U);
  EXPECT_EQ(beat.wire.module, module.id);
  EXPECT_GE(beat.wire.address, module.start);
  EXPECT_LT(beat.wire.address, module.end);
  EXPECT_EQ(catalog.triggers.at("none").words, (Words{"none", ""}));
  EXPECT_EQ(catalog.triggers.at("none").wire.size, 0U);
  EXPECT_EQ(catalog.triggers.at("sixteen").wire.arguments, 16U);
  EXPECT_EQ(catalog.triggers.at("sixteen").words[8], "\"eight\"");
  EXPECT_EQ(catalog.triggers.at("visit").words[2], "dangling");

  const Site& head = catalog.marks.at("head");
  EXPECT_EQ(head.wire.size, 32U);
  EXPECT_EQ(catalog.marks.at("value_of_tail").wire.size, 4U);
  const auto value = host.peek<std::uint32_t>(catalog.marks.at("value_of_tail").wire.variable);
  EXPECT_EQ(value, 3U);
}

TEST(GuestAgent, AnswersSeveralHostsAtOnce) {
  const Subject subject;
  std::vector<std::unique_ptr<TestHost>> hosts;
  for (int i = 0; i < 8; ++i) hosts.push_back(std::make_unique<TestHost>(subject.pid()));
  for (auto& host : hosts) host->send(VMITAP_LIST, nullptr, 0);
  for (auto& host : hosts) {
    std::size_t triggers = 0;
    Message message = host->receive();
    for (; message.type != VMITAP_LISTED && message.type != 0; message = host->receive())
      triggers += message.type == VMITAP_TRIGGER_SITE;
    EXPECT_EQ(message.type, static_cast<std::uint32_t>(VMITAP_LISTED));
    EXPECT_EQ(triggers, 7U);
  }
}

TEST(GuestAgent, IsCapturedByOneHostOnly) {
  const Subject subject;
  TestHost first(subject.pid());
  ASSERT_EQ(first.attach(), 0U);
  TestHost second(subject.pid());
  EXPECT_EQ(second.welcome().captured_by, static_cast<std::uint32_t>(getpid()));
  const vmitap_attach request{VMITAP_CONTROL_ABI_VERSION, 0};
  const auto refused = second.ask(VMITAP_ATTACH, &request, sizeof request).as<vmitap_refused>();
  EXPECT_EQ(refused.reason, static_cast<std::uint32_t>(VMITAP_REFUSED_CAPTURED));
  EXPECT_EQ(refused.detail, static_cast<std::uint32_t>(getpid()));

  first.detach();
  std::uint32_t reason = VMITAP_REFUSED_CAPTURED;  // until the guest has seen the first one go
  for (int i = 0; i < 3000 && reason == VMITAP_REFUSED_CAPTURED; ++i, usleep(10000)) reason = second.attach();
  EXPECT_EQ(reason, 0U);
}

TEST(GuestAgent, RefusesAnotherVersion) {
  const Subject subject;
  const TestHost host(subject.pid());
  const vmitap_attach request{VMITAP_CONTROL_ABI_VERSION + 1, 0};
  const auto refused = host.ask(VMITAP_ATTACH, &request, sizeof request).as<vmitap_refused>();
  EXPECT_EQ(refused.reason, static_cast<std::uint32_t>(VMITAP_REFUSED_VERSION));
  EXPECT_EQ(refused.detail, VMITAP_CONTROL_ABI_VERSION);
}

// What the guest answers to a host of this user: 'w' a welcome, 'x' the end of the connection.
char met_as(uid_t uid, pid_t guest) {
  const pid_t child = fork();
  if (child == 0) {
    if (setresuid(uid, uid, uid) != 0) _exit('?');
    try {
      const TestHost host(guest);
      _exit('w');
    } catch (const std::exception&) {
      _exit('x');
    }
  }
  int status = 0;
  waitpid(child, &status, 0);
  return static_cast<char>(WEXITSTATUS(status));
}

TEST(GuestAgent, ShutsOutItsUserWhenTheProgramIsNotDumpable) {
  const uid_t user = geteuid() == 0 ? 65534 : geteuid();
  Subject subject;
  ASSERT_EQ(subject.tell("become " + std::to_string(user) + " 1"), "ok");
  EXPECT_EQ(met_as(user, subject.pid()), 'w');
  ASSERT_EQ(subject.tell("become " + std::to_string(user) + " 0"), "ok");
  EXPECT_EQ(met_as(user, subject.pid()), 'x');
  if (geteuid() == 0) {
    EXPECT_EQ(met_as(65533, subject.pid()), 'x');
    EXPECT_EQ(met_as(0, subject.pid()), 'w');
  }
}

TEST(GuestAgent, SealsTheMemoryThatItShares) {
  const Subject subject;
  TestHost host(subject.pid());
  ASSERT_EQ(host.attach(), 0U);
  const int seals = fcntl(host.guest_memory(), F_GET_SEALS);
  EXPECT_EQ(seals & (F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL), F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL);
  EXPECT_EQ(mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, host.guest_memory(), 0), MAP_FAILED);
}

// What a host may send only in another state, or never: each gets a refusal, and the session goes on.
TEST(GuestAgent, RefusesMalformedMessages) {
  const Subject subject;
  TestHost host(subject.pid());
  host.list();
  const auto refusal = [&host](std::uint32_t type, const void* body, std::size_t size) {
    const Message message = host.ask(type, body, size);
    return message.type == VMITAP_REFUSED ? message.as<vmitap_refused>().reason : 0;
  };
  struct Request {
    vmitap_arm arm{};
    std::array<vmitap_fetch, 65> fetches{};
  } request;
  constexpr std::size_t kOne = sizeof(vmitap_arm) + sizeof(vmitap_fetch);
  request.arm.trigger = host.catalog().triggers.at("beat").wire.id;
  EXPECT_EQ(refusal(VMITAP_ARM, &request.arm, sizeof request.arm), VMITAP_REFUSED_MESSAGE) << "not attached";
  ASSERT_EQ(host.attach(), 0U);

  EXPECT_EQ(refusal(0, nullptr, 0), VMITAP_REFUSED_MESSAGE);
  EXPECT_EQ(refusal(9999, nullptr, 0), VMITAP_REFUSED_MESSAGE);
  EXPECT_EQ(refusal(VMITAP_LIST, &request, 4), VMITAP_REFUSED_MESSAGE);
  const vmitap_attach newer{VMITAP_CONTROL_ABI_VERSION + 1, 0};
  EXPECT_EQ(refusal(VMITAP_ATTACH, &newer, sizeof newer), VMITAP_REFUSED_VERSION);
  const vmitap_attach again{VMITAP_CONTROL_ABI_VERSION, 0};
  EXPECT_EQ(refusal(VMITAP_ATTACH, &again, sizeof again - 1), VMITAP_REFUSED_MESSAGE);
  EXPECT_EQ(refusal(VMITAP_ATTACH, &again, sizeof again), VMITAP_REFUSED_MESSAGE);
  EXPECT_EQ(refusal(VMITAP_DISARM, &request, sizeof request.arm - 1), VMITAP_REFUSED_MESSAGE);

  request.arm.fetch_count = 1;
  EXPECT_EQ(refusal(VMITAP_ARM, &request, sizeof request.arm), VMITAP_REFUSED_MESSAGE)
      << "a fetch is missing";
  request.arm.fetch_count = 0xffffffff;
  EXPECT_EQ(refusal(VMITAP_ARM, &request, kOne), VMITAP_REFUSED_MESSAGE);
  request.arm.fetch_count = 65;
  EXPECT_EQ(refusal(VMITAP_ARM, &request, sizeof request), VMITAP_REFUSED_MESSAGE);
  request.arm.fetch_count = 1;
  request.fetches[0] = at_argument(9, 8);
  EXPECT_EQ(refusal(VMITAP_ARM, &request, kOne), VMITAP_REFUSED_MESSAGE) << "beyond the arguments";
  request.fetches[0] = at_argument(UINT64_MAX, 8);
  EXPECT_EQ(refusal(VMITAP_ARM, &request, kOne), VMITAP_REFUSED_MESSAGE);
  request.fetches[0] = at_argument(9, 4, {0});
  EXPECT_EQ(refusal(VMITAP_ARM, &request, kOne), VMITAP_REFUSED_MESSAGE) << "a pointer beyond the arguments";
  request.fetches[0] = at_address(0, 4);
  request.fetches[0].hops = VMITAP_FETCH_HOPS_MAX + 1;
  EXPECT_EQ(refusal(VMITAP_ARM, &request, kOne), VMITAP_REFUSED_MESSAGE);
  request.fetches[0] = at_address(0, 4);
  request.fetches[0].base = 3;
  EXPECT_EQ(refusal(VMITAP_ARM, &request, kOne), VMITAP_REFUSED_MESSAGE);
  request.fetches[0] = at_address(0, 0xffffffff);
  EXPECT_EQ(refusal(VMITAP_ARM, &request, kOne), VMITAP_REFUSED_MESSAGE);
  request.fetches[0] = at_address(0, VMITAP_RECORD_PAYLOAD_MAX);
  EXPECT_EQ(refusal(VMITAP_ARM, &request, kOne), VMITAP_REFUSED_SIZE) << "with the arguments";
  request.arm.fetch_count = 0;
  request.arm.flags = 0x80;
  EXPECT_EQ(refusal(VMITAP_ARM, &request.arm, sizeof request.arm), VMITAP_REFUSED_MESSAGE);
  request.arm.flags = 0;
  request.arm.trigger = 0x7fffffff;
  EXPECT_EQ(refusal(VMITAP_ARM, &request.arm, sizeof request.arm), VMITAP_REFUSED_TRIGGER);
  EXPECT_EQ(refusal(VMITAP_DISARM, &request.arm, sizeof request.arm), VMITAP_REFUSED_TRIGGER);

  const std::array<std::uint32_t, 2> lies{VMITAP_LIST, 4000};
  host.send_raw(std::as_bytes(std::span(lies)));
  EXPECT_EQ(host.receive().type, static_cast<std::uint32_t>(VMITAP_REFUSED));
  host.send_raw(std::as_bytes(std::span(lies)).first(5));
  EXPECT_EQ(host.receive().type, static_cast<std::uint32_t>(VMITAP_REFUSED));

  EXPECT_EQ(host.arm({.trigger = "beat"}), 0U) << "and it still works";
}

TEST(GuestAgent, SurvivesRandomMessages) {
  Subject subject;
  std::mt19937 engine(7);  // the same bytes each time
  const auto random = [&engine] { return static_cast<std::uint32_t>(engine()); };
  for (int round = 0; round < 20; ++round) {
    TestHost host(subject.pid());
    host.attach();
    for (int i = 0; i < 50; ++i) {
      std::vector<std::uint32_t> words(2 + random() % 60);
      for (auto& word : words) word = random() % 4 == 0 ? random() : random() % 70;
      words[0] = 64 + random() % 4;
      if (random() % 4 != 0) words[1] = static_cast<std::uint32_t>(words.size() * 4);
      host.send_raw(std::as_bytes(std::span(words)));
      while (recv(host.socket(), words.data(), 8, MSG_DONTWAIT) > 0) {
      }
    }
    ASSERT_EQ(subject.tell("fire 10"), "ok");
  }
  EXPECT_EQ(subject.finish(), 0);
}

// A host that asks and never reads must not make the guest grow, nor keep it from others.
TEST(GuestAgent, IsNotHeldUpByAHostThatDoesNotRead) {
  Subject subject;
  const long before = subject.numbers("status")[2];
  const TestHost deaf(subject.pid());
  const vmitap_message list{VMITAP_LIST, sizeof list};
  for (int i = 0; i < 100000; ++i)
    if (::send(deaf.socket(), &list, sizeof list, MSG_DONTWAIT) < 0) break;
  TestHost other(subject.pid());
  EXPECT_EQ(other.list().triggers.size(), 7U);
  EXPECT_EQ(other.attach(), 0U);
  EXPECT_LT(subject.numbers("status")[2] - before, 20000) << "KiB";
}

TEST(GuestAgent, StaysAwayIfToldTo) {
  Subject subject(Subject::Environment{{"VMITAP", "off"}});
  std::ifstream sockets("/proc/net/unix");
  const std::string all((std::istreambuf_iterator<char>(sockets)), {});
  EXPECT_EQ(all.find("@vmitap/guest/" + std::to_string(subject.pid()) + "\n"), std::string::npos);
  EXPECT_EQ(subject.numbers("status")[1], 2 + 1) << "., .. and one thread";
  EXPECT_EQ(subject.tell("quiet"), "1 0");
  EXPECT_EQ(subject.finish(), 0);
}

TEST(GuestAgent, CostsNoRingsBeforeSomebodyAttaches) {
  Subject subject;
  TestHost(subject.pid()).list();
  std::ifstream maps("/proc/" + std::to_string(subject.pid()) + "/maps");
  const std::string all((std::istreambuf_iterator<char>(maps)), {});
  EXPECT_EQ(all.find("memfd:vmitap"), std::string::npos);
}

TEST(GuestAgent, LeavesNothingBehindAfterManyHosts) {
  Subject subject;
  std::vector<long> before;
#ifdef VMITAP_TSAN
  constexpr int kRounds = 60;  // each maps and unmaps megabytes of TSan's own
#else
  constexpr int kRounds = 500;
#endif
  for (int round = 0; round < kRounds; ++round) {
    TestHost host(subject.pid());
    std::uint32_t reason = VMITAP_REFUSED_CAPTURED;
    while (reason == VMITAP_REFUSED_CAPTURED) reason = host.attach();
    ASSERT_EQ(reason, 0U);
    const auto counter = host.catalog().marks.at("counter").wire.variable;
    ASSERT_EQ(host.arm({.trigger = "beat", .fetches = {at_address(counter, 8)}}), 0U);
    ASSERT_EQ(host.arm({.trigger = "quiet"}), 0U);
    if (round % 50 == 0) {
      ASSERT_EQ(subject.tell("fire 3"), "ok");
    }
    if (round == 20) before = subject.numbers("status");
  }
  // The agent closes the last session at its own pace.
  std::vector<long> after;
  for (int i = 0; i < 1000; ++i, usleep(10000)) {
    after = subject.numbers("status");
    if (after[0] <= before[0]) break;
  }
  EXPECT_LE(after[0], before[0]) << "descriptors";
  EXPECT_EQ(after[1], before[1]) << "threads";
#ifndef VMITAP_SANITIZED
  EXPECT_LT(after[2] - before[2], 1024) << "KiB";
#endif
}

}  // namespace
}  // namespace vmitap::test
