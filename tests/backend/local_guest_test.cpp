// SPDX-License-Identifier: MIT
// A real guest through backend::Guest, as the pipeline uses it.
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <thread>

#include "backend/guest.hpp"
#include "subject.hpp"

namespace vmitap::backend {
namespace {

using test::Child;
using test::eventually;

class LocalGuestTest : public ::testing::Test {
 protected:
  static Child run(const std::vector<std::string>& environment = {},
                   const std::string& program = VMITAP_TEST_GUEST) {
    Child child = Child::run({program}, environment);
    const auto listens = [&] {
      const auto seen = seen_guests();
      return std::any_of(seen.begin(), seen.end(), [&](const Seen& s) {
        return s.identity.id == static_cast<std::uint64_t>(child.pid()) && s.problem.empty();
      });
    };
    const bool will_listen = environment.empty() || environment[0] != "VMITAP=off";
    EXPECT_TRUE(!will_listen || eventually(listens));
    return child;
  }
  static std::unique_ptr<Guest> open(const Child& child) {
    auto guest = open_guest("local:" + std::to_string(child.pid()));
    if (!guest) ADD_FAILURE() << guest.error().subject << ": " << guest.error().hint;
    return guest ? std::move(*guest) : nullptr;
  }
  static GuestSite site(const GuestCatalog& catalog, bool trigger) {
    for (const GuestSite& site : catalog.sites) {
      if (site.is_trigger == trigger) return site;
    }
    ADD_FAILURE();
    return {};
  }
};

TEST_F(LocalGuestTest, IsFoundByPidAndByName) {
  const Child child = run({"VMITAP_NAME=found-by-name"});
  for (const std::string& name : {std::to_string(child.pid()), "local:" + std::to_string(child.pid()),
                                  std::string("found-by-name"), std::string("local:found-by-name")}) {
    const auto guest = open_guest(name);
    ASSERT_TRUE(guest.has_value()) << name;
    const GuestIdentity& identity = (*guest)->identity();
    EXPECT_EQ(identity.backend, "local");
    EXPECT_EQ(identity.name, "found-by-name");
    EXPECT_EQ(identity.id, static_cast<std::uint64_t>(child.pid()));
    EXPECT_EQ(std::filesystem::path(identity.program).filename(),
              std::filesystem::path(VMITAP_TEST_GUEST).filename());
    EXPECT_EQ(identity.captured_by, 0u);
  }
}

TEST_F(LocalGuestTest, ANameThatTwoHaveIsAmbiguous) {
  const Child first = run({"VMITAP_NAME=twins"});
  const Child second = run({"VMITAP_NAME=twins"});
  const auto guest = open_guest("twins");
  ASSERT_FALSE(guest.has_value());
  EXPECT_EQ(guest.error().code, Errc::ambiguous_name);
  for (const Child* child : {&first, &second}) {
    EXPECT_NE(guest.error().hint.find("local:" + std::to_string(child->pid())), std::string::npos);
  }
}

TEST_F(LocalGuestTest, NamesThatAreNoneAreExplained) {
  const Child child = run({"VMITAP_NAME=explained"});
  const auto mistyped = open_guest("explaned");
  ASSERT_FALSE(mistyped.has_value());
  EXPECT_EQ(mistyped.error().code, Errc::no_such_guest);
  EXPECT_NE(mistyped.error().hint.find("explained"), std::string::npos);
  EXPECT_EQ(open_guest("local:99999999").error().code, Errc::no_such_guest);
  EXPECT_EQ(open_guest("").error().code, Errc::no_such_guest);
  EXPECT_EQ(open_guest("local:").error().code, Errc::no_such_guest);
  EXPECT_EQ(open_guest("xen:domu").error().code, Errc::unsupported);
}

TEST_F(LocalGuestTest, AProcessWithoutVmitapIsExplained) {
  const Child off = run({"VMITAP=off"});
  const test::Subject plain("threads", 2);
  EXPECT_EQ(open_guest(std::to_string(plain.pid())).error().code, Errc::not_instrumented);
  EXPECT_TRUE(eventually([&] {
    const auto guest = open_guest(std::to_string(off.pid()));
    return !guest && guest.error().hint.find("VMITAP=off") != std::string::npos;
  }));
}

TEST_F(LocalGuestTest, ListsItsTriggersMarksAndModules) {
  const Child child = run();
  const auto guest = open(child);
  const auto catalog = guest->list();
  ASSERT_TRUE(catalog.has_value());
  ASSERT_EQ(catalog->modules.size(), 1u);
  const GuestModule& module = catalog->modules[0];
  EXPECT_EQ(std::filesystem::canonical(module.host_path), std::filesystem::canonical(VMITAP_TEST_GUEST));
  EXPECT_EQ(module.path, module.host_path);
  EXPECT_EQ(module.build_id.size(), 40u);  // SHA-1
  EXPECT_EQ(site(*catalog, true).name, "changed");
  EXPECT_EQ(site(*catalog, true).arguments, std::vector<std::string>{"together.first"});
  EXPECT_EQ(site(*catalog, false).name, "together");
  EXPECT_EQ(site(*catalog, false).size, 16u);
}

TEST_F(LocalGuestTest, FindsTheFileOfAProgramThatWasReplacedOrDeleted) {
  const std::string program = ::testing::TempDir() + "vmitap-replaced-" + std::to_string(::getpid());
  std::filesystem::copy_file(VMITAP_TEST_GUEST, program, std::filesystem::copy_options::overwrite_existing);
  const Child child = run({"VMITAP_NAME=replaced"}, program);
  const auto guest = open(child);
  EXPECT_EQ(guest->list()->modules.at(0).host_path, program);
  const auto size = std::filesystem::file_size(program);
  std::filesystem::remove(program);
  const auto deleted = guest->list();
  ASSERT_TRUE(deleted.has_value());
  EXPECT_NE(deleted->modules.at(0).host_path, program);
  EXPECT_EQ(std::filesystem::file_size(deleted->modules.at(0).host_path), size);
  std::ofstream(program) << "another file";
  EXPECT_EQ(std::filesystem::file_size(guest->list()->modules.at(0).host_path), size);
  std::filesystem::remove(program);
}

TEST_F(LocalGuestTest, AttachesAndTakesTheGuestForItselfAlone) {
  const Child child = run();
  auto guest = open(child);
  ASSERT_TRUE(guest->attach().has_value());
  EXPECT_FALSE(guest->channel().guest_region.empty());
  EXPECT_FALSE(guest->channel().host_region.empty());
  vmitap_guest_header header;
  std::memcpy(&header, guest->channel().guest_region.data(), sizeof header);
  EXPECT_EQ(header.magic, VMITAP_RING_MAGIC);
  EXPECT_EQ(header.region_size, guest->channel().guest_region.size());

  auto second = open(child);
  EXPECT_EQ(second->identity().captured_by, static_cast<std::uint64_t>(::getpid()));
  const auto refused = second->attach();
  ASSERT_FALSE(refused.has_value());
  EXPECT_EQ(refused.error().code, Errc::already_captured);
  EXPECT_EQ(refused.error().number, static_cast<std::uint64_t>(::getpid()));
  EXPECT_TRUE(second->list().has_value());  // it may still look

  guest.reset();
  EXPECT_TRUE(eventually([&] { return open(child)->attach().has_value(); }));
}

TEST_F(LocalGuestTest, ArmsAndIsNotified) {
  const Child child = run();
  const auto guest = open(child);
  const auto trigger = site(*guest->list(), true).id;
  ASSERT_TRUE(guest->attach().has_value());
  EXPECT_EQ(guest->arm({.trigger = {12345}}).error().code, Errc::unknown_name);

  // The ring's own consumer is a room of its own; here it is enough that the guest rings once we sleep.
  vmitap_host_header sleeping{};
  std::memcpy(&sleeping, guest->channel().host_region.data(), sizeof sleeping);
  const std::uint32_t yes = 1;
  std::memcpy(guest->channel().host_region.data() + offsetof(vmitap_host_header, sleeping), &yes, sizeof yes);
  guest->fence();
  ASSERT_TRUE(guest->arm({.trigger = trigger}).has_value());
  pollfd bell{.fd = guest->doorbell(), .events = POLLIN, .revents = 0};
  EXPECT_EQ(::poll(&bell, 1, 30'000), 1);
  EXPECT_TRUE(guest->disarm(trigger).has_value());
  guest->clear_doorbell();
  EXPECT_EQ(::poll(&bell, 1, 0), 0);
}

TEST_F(LocalGuestTest, PausesAndReadsWhatBelongsTogether) {
  const Child child = run();
  const auto guest = open(child);
  const GuestSite mark = site(*guest->list(), false);
  std::uint64_t last = 0;
  for (int i = 0; i < 200; ++i) {
    auto pause = PauseGuard::pause(*guest);
    if (!pause) {
      ASSERT_EQ(pause.error().code, Errc::timeout);
      continue;
    }
    std::uint64_t first[2];
    std::uint64_t again[2];
    ReadRequest requests[] = {{.from = mark.variable, .into = std::as_writable_bytes(std::span(first))},
                              {.from = mark.variable, .into = std::as_writable_bytes(std::span(again))}};
    guest->read(requests);
    const PauseGuard held = std::move(*pause);
    ASSERT_EQ(requests[0].status, ReadStatus::ok);
    ASSERT_EQ(requests[1].status, ReadStatus::ok);
    EXPECT_EQ(first[0], again[0]);
    EXPECT_EQ(first[1], again[1]);
    EXPECT_LE(first[0] - first[1], 1u);  // the second follows the first
    EXPECT_GE(first[0], last);
    last = first[0];
  }
  EXPECT_GT(last, 0u);
}

TEST_F(LocalGuestTest, ClockMapsTheGuestsTicksToThisHostsTime) {
  const Child child = run();
  const auto guest = open(child);
  ASSERT_TRUE(guest->attach().has_value());
  const ClockMap map = guest->clock();
  timespec now{};
  ::clock_gettime(CLOCK_REALTIME, &now);
  const std::int64_t realtime = map.realtime_ns(guest->ticks());
  EXPECT_LT(std::abs(realtime - (std::int64_t{now.tv_sec} * 1'000'000'000 + now.tv_nsec)), 1'000'000'000);
}

void ends(Child& child, const std::unique_ptr<Guest>& guest, const std::string& epitaph) {
  pollfd control{.fd = guest->control(), .events = POLLIN, .revents = 0};
  ASSERT_EQ(::poll(&control, 1, 30'000), 1);
  EXPECT_EQ(guest->epitaph(), "");
  ASSERT_TRUE(eventually([&] { return guest->on_control() == Guest::ControlEvent::gone; }));
  EXPECT_EQ(guest->epitaph(), epitaph);
  EXPECT_EQ(guest->on_control(), Guest::ControlEvent::gone);
  EXPECT_EQ(guest->list().error().code, Errc::guest_gone);
  EXPECT_EQ(guest->arm({.trigger = {1}}).error().code, Errc::guest_gone);
  child.end(SIGKILL);
  EXPECT_EQ(PauseGuard::pause(*guest).error().code, Errc::guest_gone);
}

TEST_F(LocalGuestTest, SaysHowItsGuestExited) {
  Child child = run();
  const auto guest = open(child);
  ASSERT_TRUE(guest->attach().has_value());
  child.signal(SIGUSR1);
  ends(child, guest, "exited with status 3");
}

TEST_F(LocalGuestTest, SaysHowItsGuestWasKilled) {
  Child child = run();
  const auto guest = open(child);
  child.signal(SIGKILL);
  ends(child, guest, "killed by signal 9 (Killed)");
}

TEST_F(LocalGuestTest, SaysWhatItsGuestExecd) {
  Child child = run();
  const auto guest = open(child);
  child.signal(SIGUSR2);
  ends(child, guest, "exec'd " + std::filesystem::canonical("/bin/sleep").string());
}

TEST_F(LocalGuestTest, IsUsedFromThreeThreads) {
  Child child = run();
  const auto guest = open(child);
  const GuestCatalog catalog = *guest->list();
  ASSERT_TRUE(guest->attach().has_value());
  std::atomic<bool> end{false};
  std::thread snapshots([&] {
    while (!end) {
      const auto pause = PauseGuard::pause(*guest);
      std::uint64_t value = 0;
      ReadRequest request{.from = site(catalog, false).variable,
                          .into = std::as_writable_bytes(std::span(&value, 1))};
      guest->read(std::span(&request, 1));
    }
  });
  std::thread drain([&] {
    while (!end) {
      EXPECT_NE(guest->on_control(), Guest::ControlEvent::gone);
      guest->fence();
      guest->clear_doorbell();
      guest->wake({0});
      static_cast<void>(guest->clock());
    }
  });
  for (int i = 0; i < 50; ++i) {
    EXPECT_TRUE(guest->list().has_value());
    EXPECT_TRUE(guest->arm({.trigger = site(catalog, true).id}).has_value());
    EXPECT_TRUE(guest->disarm(site(catalog, true).id).has_value());
  }
  end = true;
  snapshots.join();
  drain.join();
}

}  // namespace
}  // namespace vmitap::backend
