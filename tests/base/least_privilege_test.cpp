// SPDX-License-Identifier: MIT
// Each in a process of its own, as nothing of this can be taken back.
#include "base/least_privilege.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <linux/capability.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <csignal>
#include <fstream>
#include <functional>
#include <string>
#include <thread>

#include "base/error_text.hpp"
#include "base/syscall_filter.hpp"

namespace vmitap {
namespace {

constexpr std::array<unsigned long, 1> kIoctls{FIOCLEX};

class LeastPrivilege : public testing::Test {
 protected:
  // How the process ended that was confined and then did this: its status, or minus the signal that killed
  // it.
  static int confined(const std::function<int()>& act) {
    return ended([&] {
      const auto done = confine_process(kIoctls);
      if (!done) {
        std::fputs((describe(done.error()) + "\n").c_str(), stderr);
        return 200;
      }
      return act();
    });
  }
  static int ended(const std::function<int()>& act) {
    const pid_t child = ::fork();
    if (child == 0) ::_exit(act());
    int status = 0;
    EXPECT_EQ(::waitpid(child, &status, 0), child);
    return WIFSIGNALED(status) ? -WTERMSIG(status) : WEXITSTATUS(status);
  }
  // 0, or why the call failed.
  static int why(long result) { return result >= 0 ? 0 : errno; }
};

TEST_F(LeastPrivilege, LeavesWhatACaptureDoes) {
  EXPECT_EQ(confined([] {
              std::array<char, 64> text{};
              const int file = ::open("/proc/self/status", O_RDONLY | O_CLOEXEC);
              if (::read(file, text.data(), text.size()) <= 0) return 1;
              void* const memory =
                  ::mmap(nullptr, 1 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
              if (memory == MAP_FAILED || ::mlock(memory, 4096) != 0) return 2;
              std::atomic<int> ran{0};
              std::thread([&] { ran = 1; }).join();
              if (ran != 1) return 3;
              const pid_t child = ::fork();  // a guardian that was killed is replaced
              if (child == 0) ::_exit(7);
              int status = 0;
              if (::waitpid(child, &status, 0) != child || WEXITSTATUS(status) != 7) return 4;
              return ::ioctl(file, FIOCLEX) == 0 ? 0 : 5;
            }),
            0);
}

TEST_F(LeastPrivilege, RefusesWhatACaptureDoesNotDo) {
  const auto refused = [](auto call) { return confined([&] { return why(call()); }); };
  EXPECT_EQ(refused([] { return ::socket(AF_INET, SOCK_STREAM, 0); }), EPERM);
  EXPECT_EQ(refused([] { return ::socket(AF_UNIX, SOCK_STREAM, 0); }), EPERM);
  EXPECT_EQ(refused([] { return ::open("/dev/null", O_WRONLY); }), EPERM);
  EXPECT_EQ(refused([] { return ::open("/dev/null", O_RDWR); }), EPERM);
  EXPECT_EQ(refused([] { return ::open("/tmp/vmitap-never", O_RDONLY | O_CREAT, 0600); }), EPERM);
  EXPECT_EQ(refused([] { return ::open("/tmp", O_TMPFILE | O_RDWR, 0600); }), EPERM);
  EXPECT_EQ(refused([] { return ::syscall(SYS_openat2, AT_FDCWD, "/dev/null", nullptr, 0); }), EPERM);
  EXPECT_EQ(refused([] { return ::unlink("/tmp/vmitap-never"); }), EPERM);
  EXPECT_EQ(refused([] { return ::rename("/tmp/vmitap-never", "/tmp/vmitap-ever"); }), EPERM);
  EXPECT_EQ(refused([] { return ::chmod("/tmp/vmitap-never", 04755); }), EPERM);
  EXPECT_EQ(refused([] { return ::kill(::getppid(), 0); }), EPERM);
  EXPECT_EQ(refused([] { return ::syscall(SYS_tgkill, ::getppid(), ::getppid(), 0); }), EPERM);
  EXPECT_EQ(refused([] { return ::fcntl(0, F_SETOWN, ::getppid()); }), EPERM);
  EXPECT_EQ(refused([] { return ::fcntl(0, F_SETSIG, SIGKILL); }), EPERM);
  EXPECT_EQ(refused([] { return ::fcntl(0, F_SETFL, O_ASYNC | O_NONBLOCK); }), EPERM);
  EXPECT_EQ(refused([] { return ::fcntl(0, F_SETFL, 0); }), 0);
  EXPECT_EQ(refused([] { return ::ioctl(0, TIOCSTI, "x"); }), EPERM);
  EXPECT_EQ(refused([] { return ::prctl(PR_SET_DUMPABLE, 1, 0, 0, 0); }), EPERM);
  EXPECT_EQ(refused([] { return ::syscall(SYS_clone, CLONE_NEWUSER | SIGCHLD, 0, 0, 0, 0); }), EPERM);
  EXPECT_EQ(refused([] {
              return ::mmap(nullptr, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) ==
                             MAP_FAILED
                         ? -1
                         : 0;
            }),
            EPERM);
}

TEST_F(LeastPrivilege, KillsWhoDoesWhatOnlyAnIntruderWould) {
  EXPECT_EQ(confined([] {
              ::execl("/bin/true", "true", nullptr);
              return 1;
            }),
            -SIGSYS);
  EXPECT_EQ(confined([] { return static_cast<int>(::ptrace(PTRACE_TRACEME, 0, nullptr, nullptr)); }),
            -SIGSYS);
  EXPECT_EQ(confined([] { return ::setuid(0); }), -SIGSYS);
  EXPECT_EQ(confined([] { return static_cast<int>(::syscall(SYS_bpf, 0, nullptr, 0)); }), -SIGSYS);
  EXPECT_EQ(confined([] { return ::unshare(CLONE_NEWUSER); }), -SIGSYS);
}

TEST_F(LeastPrivilege, HoldsForThreadsThatRanBefore) {
  EXPECT_EQ(
      ended([] {
        std::atomic<int> go{0}, result{-1};
        std::jthread other([&] {
          renounce_capabilities();
          go.store(1);
          go.notify_all();
          go.wait(1);
          result = ::prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1 ? why(::socket(AF_UNIX, SOCK_STREAM, 0)) : 0;
        });
        go.wait(0);
        const auto done = confine_process(kIoctls);
        go.store(2);
        go.notify_all();
        other.join();
        return done ? result.load() : 200;
      }),
      EPERM);
}

TEST_F(LeastPrivilege, SeesAThreadThatKeptItsCapabilities) {
  if (::geteuid() != 0) GTEST_SKIP() << "only root has capabilities to keep";
  EXPECT_EQ(ended([] {
              std::atomic<bool> over{false};
              std::jthread other([&] { over.wait(false); });
              const auto done = confine_process(kIoctls);
              over = true;
              over.notify_all();
              return !done && done.error().code == Errc::access_denied &&
                             ::prctl(PR_GET_SECCOMP, 0, 0, 0, 0) == 0
                         ? 0
                         : 1;
            }),
            0);
}

TEST_F(LeastPrivilege, LeavesNoCapability) {
  EXPECT_EQ(confined([] {
              std::ifstream status("/proc/self/status");
              int seen = 0;
              for (std::string line; std::getline(status, line);) {
                if (line == "CapEff:\t0000000000000000" || line == "CapPrm:\t0000000000000000" ||
                    line == "NoNewPrivs:\t1" || line == "Seccomp:\t2")
                  ++seen;
              }
              return seen;
            }),
            4);
}

// libseccomp, at whichever allocation memory ends.
TEST_F(LeastPrivilege, IsRefusedWhereMemoryIsShort) {
  int refused = 0;
  for (rlim_t room = 0; room < rlim_t{12} << 20; room += 128 << 10) {
    const int status = ended([&] {
      std::ifstream statm("/proc/self/statm");
      rlim_t pages = 0;
      statm >> pages;
      const rlim_t most = pages * static_cast<rlim_t>(::getpagesize()) + room;
      const rlimit limit{.rlim_cur = most, .rlim_max = most};
      if (::setrlimit(RLIMIT_AS, &limit) != 0) return 2;
      return SyscallFilter::for_capture(kIoctls) ? 0 : 1;
    });
    ASSERT_TRUE(status == 0 || status == 1) << status << " with " << room << " bytes";
    refused += status;
  }
  EXPECT_GT(refused, 0);
  EXPECT_LT(refused, 96);
}

TEST_F(LeastPrivilege, LeavesAGuardianNextToNothing) {
  const auto guarded = [](const std::function<int()>& act) {
    return ended([&] {
      const auto filter = SyscallFilter::for_guardian(kIoctls);
      if (!filter || filter->load(SyscallFilter::Threads::mine) != 0) return 200;
      return act();
    });
  };
  EXPECT_EQ(guarded([] {
              char byte = 0;
              ::ioctl(0, FIOCLEX);
              return why(::read(-1, &byte, 1)) == EBADF && why(::unlink("/tmp/vmitap/never")) == ENOENT ? 0
                                                                                                        : 1;
            }),
            0);
  EXPECT_EQ(guarded([] { return why(::open("/dev/null", O_RDONLY)); }), EPERM);
  EXPECT_EQ(guarded([] { return why(::syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0)); }), EPERM);
  EXPECT_EQ(guarded([] { return why(::ioctl(0, TCGETS, nullptr)); }), EPERM);
}

}  // namespace
}  // namespace vmitap
