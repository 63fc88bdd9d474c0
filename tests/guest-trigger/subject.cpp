// SPDX-License-Identifier: MIT
#include "subject.hpp"

#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <sstream>
#include <stdexcept>

extern char** environ;

namespace vmitap::test {

namespace {
constexpr int kPatienceMs = 30000;
}

Subject::Subject(const Environment& environment) {
  std::array<int, 2> in{};
  std::array<int, 2> out{};
  if (pipe(in.data()) != 0 || pipe(out.data()) != 0) throw std::runtime_error("pipe");
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, in[0], 0);
  posix_spawn_file_actions_adddup2(&actions, out[1], 1);
  for (const int fd : {in[0], in[1], out[0], out[1]}) posix_spawn_file_actions_addclose(&actions, fd);

  // TSan stops children of a process with threads, which every guest is, unless told not to.
  std::vector<std::string> variables{"TSAN_OPTIONS=die_after_fork=0"};
  for (char** variable = environ; *variable != nullptr; ++variable) variables.emplace_back(*variable);
  for (const auto& [name, value] : environment) variables.push_back(name + "=" + value);
  std::vector<char*> pointers;
  for (std::string& variable : variables) pointers.push_back(variable.data());
  pointers.push_back(nullptr);

  std::string path = VMITAP_TEST_SUBJECT;
  std::array<char*, 2> arguments{path.data(), nullptr};
  const int error = posix_spawn(&pid_, path.c_str(), &actions, nullptr, arguments.data(), pointers.data());
  posix_spawn_file_actions_destroy(&actions);
  close(in[0]);
  close(out[1]);
  input_ = in[1];
  output_ = out[0];
  if (error != 0) throw std::runtime_error("cannot start " + path);
  if (answer() != std::to_string(pid_)) throw std::runtime_error("no answer from " + path);
}

Subject::~Subject() {
  if (pid_ > 0) {
    kill(pid_, SIGKILL);
    waitpid(pid_, nullptr, 0);
  }
  if (input_ >= 0) close(input_);
  close(output_);
}

void Subject::send(const std::string& command) const {
  const std::string line = command + "\n";
  if (write(input_, line.data(), line.size()) != static_cast<ssize_t>(line.size()))
    throw std::runtime_error("the subject does not listen");
}

std::string Subject::answer() {
  for (;;) {
    const auto end = pending_.find('\n');
    if (end != std::string::npos) {
      std::string line = pending_.substr(0, end);
      pending_.erase(0, end + 1);
      return line.substr(0, 3) == "ok " ? line.substr(3) : line;
    }
    pollfd waiting{output_, POLLIN, 0};
    std::array<char, 4096> bytes{};
    if (poll(&waiting, 1, kPatienceMs) <= 0) return "";
    const ssize_t size = read(output_, bytes.data(), bytes.size());
    if (size <= 0) return "";
    pending_.append(bytes.data(), static_cast<std::size_t>(size));
  }
}

bool Subject::has_answer() const {
  pollfd waiting{output_, POLLIN, 0};
  return pending_.find('\n') != std::string::npos || poll(&waiting, 1, 0) > 0;
}

std::string Subject::tell(const std::string& command) {
  send(command);
  return answer();
}

std::vector<long> Subject::numbers(const std::string& command) {
  std::istringstream words(tell(command));
  std::vector<long> result;
  for (long number = 0; words >> number;) result.push_back(number);
  return result;
}

int Subject::finish() {
  int status = 0;
  close(input_);
  input_ = -1;
  while (!answer().empty()) {
  }
  // It has closed its output, or is stuck; the latter fails here.
  for (int patience = 0; patience < 1000; ++patience) {
    if (waitpid(pid_, &status, WNOHANG) == pid_) {
      pid_ = -1;
      return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    }
    usleep(10000);
  }
  return -1;
}

}  // namespace vmitap::test
