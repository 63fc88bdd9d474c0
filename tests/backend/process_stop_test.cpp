// SPDX-License-Identifier: MIT
#include "backend/local/process_stop.hpp"

#include <gtest/gtest.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>

#include <thread>

#include "backend/local/proc.hpp"
#include "subject.hpp"

namespace vmitap::backend::local {
namespace {

using test::Child;
using test::eventually;
using test::Subject;

std::unique_ptr<ProcessStop> stop_of(pid_t pid) {
  auto made = ProcessStop::make(pid);
  EXPECT_TRUE(made.has_value());
  return std::move(*made);
}

// On a machine that is busy with something else a thread may not come to its stop in time.
bool stops(ProcessStop& stop) {
  return eventually([&] { return stop.stop().has_value(); });
}

// Threads of the process in this state.
int threads_in(pid_t pid, char state) {
  int count = 0;
  for (pid_t tid = pid; tid < pid + 1000; ++tid) {
    const auto status = thread_status(pid, tid);
    if (status && status->state == state) ++count;
  }
  return count;
}

class StopsAll : public ::testing::TestWithParam<int> {};

TEST_P(StopsAll, ThreadsAndGivesThemBack) {
  const Subject subject("threads", GetParam());
  const auto threads = static_cast<std::size_t>(GetParam());
  const auto stop = stop_of(subject.pid());
  for (int round = 0; round < 10; ++round) {
    ASSERT_TRUE(stops(*stop));
    EXPECT_TRUE(subject.stands_still());
    stop->release();
    ASSERT_TRUE(subject.runs(0, threads));
  }
  EXPECT_EQ(process_status(subject.pid())->tracer, 0);
}

INSTANTIATE_TEST_SUITE_P(ProcessStop, StopsAll, ::testing::Values(1, 8, 64));

TEST(ProcessStop, HoldsWhileThreadsComeAndGo) {
  const Subject subject("churn", 4);
  const auto stop = stop_of(subject.pid());
  int stopped = 0;
  for (int round = 0; round < 200; ++round) {
    const auto result = stop->stop();
    if (!result) {
      ASSERT_EQ(result.error().code, Errc::timeout) << result.error().subject;
      continue;
    }
    ++stopped;
    const auto threads = Subject::load(subject.page().threads);
    if (round % 8 == 0) {
      EXPECT_TRUE(subject.stands_still());
      EXPECT_EQ(Subject::load(subject.page().threads), threads);
    }
    stop->release();
  }
  EXPECT_GT(stopped, 0);
  const auto threads = Subject::load(subject.page().threads);
  EXPECT_TRUE(eventually([&] { return Subject::load(subject.page().threads) > threads + 100; }));
}

TEST(ProcessStop, LeavesAnAdministratorsStopInForce) {
  const Subject subject("threads", 3);
  ::kill(subject.pid(), SIGSTOP);
  ASSERT_TRUE(eventually([&] { return threads_in(subject.pid(), 'T') == 3; }));
  const auto stop = stop_of(subject.pid());
  for (int round = 0; round < 5; ++round) {
    ASSERT_TRUE(stops(*stop));
    EXPECT_TRUE(subject.stands_still());
    stop->release();
    EXPECT_TRUE(subject.stands_still());
    EXPECT_TRUE(eventually([&] { return threads_in(subject.pid(), 'T') == 3; }));
  }
  ::kill(subject.pid(), SIGCONT);
  EXPECT_TRUE(subject.runs(0, 3));
}

TEST(ProcessStop, AnAdministratorsStopInMidPauseTakesForceAfterIt) {
  const Subject subject("threads", 3);
  const auto stop = stop_of(subject.pid());
  ASSERT_TRUE(stops(*stop));
  ::kill(subject.pid(), SIGSTOP);
  stop->release();
  EXPECT_TRUE(eventually([&] { return threads_in(subject.pid(), 'T') == 3; }));
  ::kill(subject.pid(), SIGCONT);
  EXPECT_TRUE(subject.runs(0, 3));
}

TEST(ProcessStop, AContinuedGuestRunsAfterThePauseOnly) {
  const Subject subject("threads", 3);
  ::kill(subject.pid(), SIGSTOP);
  ASSERT_TRUE(eventually([&] { return threads_in(subject.pid(), 'T') == 3; }));
  const auto stop = stop_of(subject.pid());
  ASSERT_TRUE(stops(*stop));
  ::kill(subject.pid(), SIGCONT);
  EXPECT_TRUE(subject.stands_still());
  stop->release();
  EXPECT_TRUE(subject.runs(0, 3));
}

TEST(ProcessStop, NoSignalIsLost) {
  const Subject subject("signals", 4);
  const auto stop = stop_of(subject.pid());
  std::uint64_t sent = 0;
  const auto send = [&] {
    if (::sigqueue(subject.pid(), SIGRTMIN, {}) == 0) ++sent;
  };
  for (int round = 0; round < 300; ++round) {
    send();  // often caught on its way: the thread stops in delivery
    ASSERT_TRUE(stops(*stop));
    send();
    stop->release();
    send();
  }
  EXPECT_TRUE(eventually([&] { return Subject::load(subject.page().signals) == sent; }));
  EXPECT_EQ(Subject::load(subject.page().signals), sent);
}

TEST(ProcessStop, TimersOfTheGuestGoOn) {
  const Subject subject("timer");
  const auto stop = stop_of(subject.pid());
  for (int round = 0; round < 100; ++round) {
    ASSERT_TRUE(stops(*stop));
    stop->release();
  }
  const auto signals = Subject::load(subject.page().signals);
  EXPECT_TRUE(eventually([&] { return Subject::load(subject.page().signals) > signals + 3; }));
}

TEST(ProcessStop, GivesUpOnAThreadInVforkAndLetsAllGo) {
  Subject subject("vfork");
  ASSERT_TRUE(eventually([&] { return threads_in(subject.pid(), 'D') == 1; }));
  const auto stop = stop_of(subject.pid());
  for (int round = 0; round < 3; ++round) {
    const auto stopped = stop->stop();
    ASSERT_FALSE(stopped.has_value());
    EXPECT_EQ(stopped.error().code, Errc::timeout);
    EXPECT_TRUE(subject.runs(1, 2));
  }
  // Its trap comes when the vfork ends; nobody calls us then.
  subject.finish();
  EXPECT_TRUE(subject.runs(2, 3));
  EXPECT_TRUE(eventually([&] { return threads_in(subject.pid(), 't') == 0; }));
  ASSERT_TRUE(stops(*stop));
  EXPECT_TRUE(subject.stands_still());
}

TEST(ProcessStop, StopsAProcessWhoseFirstThreadEnded) {
  const Subject subject("leaderless", 3);
  ASSERT_TRUE(eventually([&] { return process_status(subject.pid())->state == 'Z'; }));
  const auto stop = stop_of(subject.pid());
  for (int round = 0; round < 5; ++round) {
    ASSERT_TRUE(stops(*stop));
    EXPECT_TRUE(subject.stands_still());
    stop->release();
    EXPECT_TRUE(subject.runs(1, 4));
  }
}

TEST(ProcessStop, SurvivesAGuestThatExecsAllTheTime) {
  Subject subject("exec");
  auto stop = stop_of(subject.pid());
  int stopped = 0;
  for (int round = 0; round < 200; ++round) {
    const auto result = stop->stop();
    if (result) {
      ++stopped;
      const bool still = round % 16 != 0 || subject.stands_still();
      EXPECT_TRUE(still);
    } else {
      EXPECT_TRUE(result.error().code == Errc::timeout || result.error().code == Errc::guest_gone)
          << static_cast<int>(result.error().code) << result.error().operation << result.error().hint;
    }
    stop->release();
    std::this_thread::sleep_for(std::chrono::microseconds(100));
  }
  EXPECT_GT(stopped, 0);
  subject.finish();
  EXPECT_TRUE(subject.runs(0, 2));
  EXPECT_GT(Subject::load(subject.page().runs), 1u);
}

TEST(ProcessStop, AGuestKilledInMidPauseIsGoneAndItsParentIsTold) {
  Subject subject("threads", 8);
  const auto stop = stop_of(subject.pid());
  ASSERT_TRUE(stops(*stop));
  subject.child().signal(SIGKILL);
  std::this_thread::sleep_for(std::chrono::milliseconds(2));
  stop->release();
  const pid_t pid = subject.pid();
  EXPECT_EQ(subject.child().wait(), SIGKILL);
  EXPECT_FALSE(process_status(pid));
  const auto again = stop->stop();
  ASSERT_FALSE(again.has_value());
  EXPECT_EQ(again.error().code, Errc::guest_gone);
}

// The guest as some other process's child: its parent must see its end although we traced it.
TEST(ProcessStop, TheParentOfAGuestIsToldOfItsEnd) {
  Subject subject("threads", 4);
  std::thread([&] {
    const auto stop = stop_of(subject.pid());
    ASSERT_TRUE(stops(*stop));
    subject.child().signal(SIGKILL);
    stop->release();
    // The thread that traced lives on; a waiting parent gets the status all the same.
    EXPECT_EQ(subject.child().wait(), SIGKILL);
  }).join();
}

TEST(ProcessStop, NamesTheDebuggerThatIsInTheWay) {
  const Subject subject("threads", 2);
  int ready[2];
  ASSERT_EQ(::pipe(ready), 0);
  const pid_t debugger = ::fork();
  if (debugger == 0) {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    const bool attached = ::ptrace(PTRACE_SEIZE, subject.pid(), nullptr, nullptr) == 0;
    [[maybe_unused]] const ssize_t told = ::write(ready[1], attached ? "y" : "n", 1);
    for (;;) ::pause();
  }
  const Child child(debugger);
  char attached = 0;
  ASSERT_EQ(::read(ready[0], &attached, 1), 1);
  ASSERT_EQ(attached, 'y');
  const auto stop = stop_of(subject.pid());
  const auto stopped = stop->stop();
  ASSERT_FALSE(stopped.has_value());
  EXPECT_EQ(stopped.error().code, Errc::access_denied);
  EXPECT_NE(stopped.error().hint.find(std::to_string(debugger)), std::string::npos) << stopped.error().hint;
  EXPECT_TRUE(subject.runs(0, 2));
  ::close(ready[0]);
  ::close(ready[1]);
}

TEST(ProcessStop, LeavesOtherChildrenOfTheHostAlone) {
  const Subject subject("threads", 8);
  Child other = Child::run({"/bin/sh", "-c", "exit 7"});
  const auto stop = stop_of(subject.pid());
  for (int round = 0; round < 20; ++round) {
    ASSERT_TRUE(stops(*stop));
    stop->release();
  }
  const int status = other.wait();
  EXPECT_TRUE(WIFEXITED(status));
  EXPECT_EQ(WEXITSTATUS(status), 7);
}

TEST(ProcessStop, SaysThatAProcessHasGone) {
  Subject subject("threads", 1);
  const auto stop = stop_of(subject.pid());
  const pid_t pid = subject.pid();
  subject.child().end(SIGKILL);
  const auto stopped = stop->stop();
  ASSERT_FALSE(stopped.has_value());
  EXPECT_EQ(stopped.error().code, Errc::guest_gone);
  EXPECT_FALSE(ProcessStop::make(pid).has_value());
}

TEST(ProcessStop, TwoGuestsAreHeldAtOnce) {
  const Subject first("threads", 3);
  const Subject second("threads", 3);
  const auto a = stop_of(first.pid());
  const auto b = stop_of(second.pid());
  ASSERT_TRUE(stops(*a));
  ASSERT_TRUE(stops(*b));
  EXPECT_TRUE(first.stands_still());
  EXPECT_TRUE(second.stands_still());
  a->release();
  EXPECT_TRUE(first.runs(0, 3));
  EXPECT_TRUE(second.stands_still());
  b->release();
  EXPECT_TRUE(second.runs(0, 3));
}

TEST(ProcessStop, AHeldGuestThatWasVforkingElsewhereIsNotDisturbed) {
  // A straggler of one guest is looked after while another is held.
  Subject straggling("vfork");
  ASSERT_TRUE(eventually([&] { return threads_in(straggling.pid(), 'D') == 1; }));
  const Subject held("threads", 2);
  const auto a = stop_of(straggling.pid());
  const auto b = stop_of(held.pid());
  ASSERT_FALSE(a->stop().has_value());
  ASSERT_TRUE(stops(*b));
  straggling.finish();
  EXPECT_TRUE(straggling.runs(2, 3));
  EXPECT_TRUE(held.stands_still());
  b->release();
  EXPECT_TRUE(held.runs(0, 2));
}

TEST(ProcessStop, AKilledHostGivesTheGuestBackAndLosesNoSignal) {
  const Subject subject("signals", 8);
  std::uint64_t sent = 0;
  for (int round = 0; round < 20; ++round) {
    int held[2];
    ASSERT_EQ(::pipe(held), 0);
    const pid_t pid = ::fork();
    if (pid == 0) {
      const auto stop = ProcessStop::make(subject.pid());
      for (;;) {
        const bool stopped = (*stop)->stop().has_value();
        [[maybe_unused]] const ssize_t told = ::write(held[1], stopped ? "y" : "n", 1);
        for (int i = 0; stopped && i < round * 1000; ++i) ::getppid();
        (*stop)->release();
      }
    }
    Child host(pid);
    char stopped = 0;
    ASSERT_EQ(::read(held[0], &stopped, 1), 1);
    for (int i = 0; i < 20; ++i) {
      if (::sigqueue(subject.pid(), SIGRTMIN, {}) == 0) ++sent;
    }
    host.end(SIGKILL);
    ::close(held[0]);
    ::close(held[1]);
    ASSERT_TRUE(subject.runs(0, 8));
    ASSERT_EQ(process_status(subject.pid())->tracer, 0);
  }
  EXPECT_TRUE(eventually([&] { return Subject::load(subject.page().signals) == sent; }))
      << Subject::load(subject.page().signals) << " of " << sent;
}

}  // namespace
}  // namespace vmitap::backend::local
