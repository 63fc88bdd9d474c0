// SPDX-License-Identifier: MIT
#include "end_to_end_process.hpp"

#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <filesystem>
#include <iostream>
#include <system_error>

namespace bench {
namespace {

struct Pipe {
  vmitap::Fd read, write;
};

Pipe make_pipe() {
  std::array<int, 2> ends;
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) fail("cannot make a pipe");
  // Beyond what the guest knows by number, so that no dup2() there closes another.
  const auto moved = [](int fd) {
    const vmitap::Fd old(fd);
    return vmitap::Fd(::fcntl(fd, F_DUPFD_CLOEXEC, 16));
  };
  return {moved(ends[0]), moved(ends[1])};
}

std::chrono::nanoseconds cpu_time_of(clockid_t clock) {
  timespec time{};
  if (::clock_gettime(clock, &time) != 0) fail("cannot read a CPU clock");
  return std::chrono::seconds(time.tv_sec) + std::chrono::nanoseconds(time.tv_nsec);
}

}  // namespace

void fail(const std::string& what) {
  std::cerr << "bench_end_to_end: " << what << '\n';
  std::exit(1);
}

GuestProcess::GuestProcess() {
  const std::string program =
      std::filesystem::read_symlink("/proc/self/exe").parent_path() / "end_to_end_guest";
  auto [command_read, command_write] = make_pipe();
  auto [answer_read, answer_write] = make_pipe();
  auto [credit_read, credit_write] = make_pipe();
  auto [data_read, data_write] = make_pipe();
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, command_read.get(), STDIN_FILENO);
  posix_spawn_file_actions_adddup2(&actions, answer_write.get(), STDOUT_FILENO);
  posix_spawn_file_actions_adddup2(&actions, credit_read.get(), CREDITS);
  posix_spawn_file_actions_adddup2(&actions, data_write.get(), DATA);
  std::string name = "end_to_end_guest";
  const std::array<char*, 2> arguments{name.data(), nullptr};
  const int error = ::posix_spawn(&pid_, program.c_str(), &actions, nullptr, arguments.data(), environ);
  posix_spawn_file_actions_destroy(&actions);
  if (error != 0) fail("cannot start " + program + ": " + std::strerror(error));
  commands_ = std::move(command_write);
  answers_ = std::move(answer_read);
  credits_ = std::move(credit_write);
  data_ = std::move(data_read);
  begin({.way = PIPE, .count = 0, .window = 0});
  (void)answer();  // its constructors have run: it can be seen as a guest
}

GuestProcess::~GuestProcess() {
  commands_.reset();  // it ends at the end of its input
  ::waitpid(pid_, nullptr, 0);
}

void GuestProcess::begin(const command& what) const {
  if (::write(commands_.get(), &what, sizeof what) != sizeof what) fail("the guest takes no commands");
}

std::uint64_t GuestProcess::answer() const {
  pollfd answers{.fd = answers_.get(), .events = POLLIN, .revents = 0};
  std::uint64_t count = 0;
  if (::poll(&answers, 1, 30'000) != 1 || ::read(answers_.get(), &count, sizeof count) != sizeof count)
    fail("the guest does not answer");
  return count;
}

void GuestProcess::credit(std::size_t bytes) const {
  static constexpr std::array<char, 256> kCredits{};
  while (bytes > 0) {
    const ssize_t written = ::write(credits_.get(), kCredits.data(), std::min(bytes, kCredits.size()));
    if (written <= 0) fail("the guest takes no credits");
    bytes -= static_cast<std::size_t>(written);
  }
}

std::chrono::nanoseconds GuestProcess::cpu_time() const {
  clockid_t clock;
  if (::clock_getcpuclockid(pid_, &clock) != 0) fail("the guest has no CPU clock");
  return cpu_time_of(clock);
}

std::chrono::nanoseconds own_cpu_time() { return cpu_time_of(CLOCK_PROCESS_CPUTIME_ID); }

TemporaryFolder::TemporaryFolder() {
  path_ = std::filesystem::temp_directory_path() / "vmitap-bench-XXXXXX";
  if (::mkdtemp(path_.data()) == nullptr) fail("cannot make a temporary folder");
}

TemporaryFolder::~TemporaryFolder() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

}  // namespace bench
