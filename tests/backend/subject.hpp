// SPDX-License-Identifier: MIT
// Starts programs for the tests and ends them.
#pragma once

#include <signal.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "base/handle.hpp"
#include "subject.h"

extern char** environ;

namespace vmitap::test {

// True as soon as it holds; false if it does not within half a minute.
template <class Condition>
bool eventually(Condition&& holds) {
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(30);
  while (!holds()) {
    if (std::chrono::steady_clock::now() > deadline) return false;
    std::this_thread::sleep_for(std::chrono::microseconds(200));
  }
  return true;
}

// A child process, killed and waited for at the end.
class Child {
 public:
  Child() = default;
  explicit Child(pid_t pid) : pid_(pid), pidfd_(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0))) {}
  Child(Child&& other) noexcept : pid_(std::exchange(other.pid_, -1)), pidfd_(std::move(other.pidfd_)) {}
  Child& operator=(Child&&) = delete;
  ~Child() { end(SIGKILL); }

  [[nodiscard]] pid_t pid() const { return pid_; }
  [[nodiscard]] int pidfd() const { return pidfd_.get(); }
  void signal(int number) const { ::kill(pid_, number); }
  // The wait status.
  int wait() {
    int status = -1;
    while (::waitpid(pid_, &status, 0) < 0 && errno == EINTR) {
    }
    pid_ = -1;
    return status;
  }
  int end(int number) {
    if (pid_ <= 0) return -1;
    signal(number);
    return wait();
  }

  static Child run(const std::vector<std::string>& words, const std::vector<std::string>& environment = {},
                   posix_spawn_file_actions_t* files = nullptr) {
    std::vector<char*> arguments;
    for (const std::string& word : words) arguments.push_back(const_cast<char*>(word.c_str()));
    arguments.push_back(nullptr);
    std::vector<char*> variables;
    for (char** variable = environ; *variable != nullptr; ++variable) variables.push_back(*variable);
    for (const std::string& variable : environment) variables.push_back(const_cast<char*>(variable.c_str()));
    variables.push_back(nullptr);
    pid_t pid = -1;
    if (::posix_spawn(&pid, arguments[0], files, nullptr, arguments.data(), variables.data()) != 0)
      std::abort();
    return Child(pid);
  }

 private:
  pid_t pid_ = -1;
  Fd pidfd_;
};

// A process of the program subject.c.
class Subject {
 public:
  explicit Subject(const std::string& mode, int number = 1) : child_(start(mode, number)) {
    if (!eventually([&] { return load(page().ready) != 0; })) std::abort();
  }

  [[nodiscard]] subject_page& page() const {
    return *reinterpret_cast<subject_page*>(memory_.bytes().data());
  }
  [[nodiscard]] pid_t pid() const { return child_.pid(); }
  [[nodiscard]] int pidfd() const { return child_.pidfd(); }
  Child& child() { return child_; }

  template <class T>
  static T load(const T& member) {
    return __atomic_load_n(&member, __ATOMIC_ACQUIRE);
  }
  void finish() { __atomic_store_n(&page().finish, 1, __ATOMIC_RELEASE); }

  [[nodiscard]] std::vector<std::uint64_t> beats() const {
    std::vector<std::uint64_t> now;
    for (const std::uint64_t& beat : page().beats) now.push_back(load(beat));
    return now;
  }
  [[nodiscard]] bool stands_still() const {
    const auto before = beats();
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
    return beats() == before;
  }
  // Each of the first `threads` threads that beat makes another beat.
  [[nodiscard]] bool runs(std::size_t from, std::size_t to) const {
    const auto before = beats();
    return eventually([&] {
      const auto now = beats();
      for (std::size_t i = from; i < to; ++i) {
        if (now[i] == before[i]) return false;
      }
      return true;
    });
  }

 private:
  Child start(const std::string& mode, int number) {
    const Fd memory(::memfd_create("subject", MFD_CLOEXEC));
    if (::ftruncate(memory.get(), sizeof(subject_page)) != 0) std::abort();
    memory_ =
        Mapping(::mmap(nullptr, sizeof(subject_page), PROT_READ | PROT_WRITE, MAP_SHARED, memory.get(), 0),
                sizeof(subject_page));
    posix_spawn_file_actions_t files;
    ::posix_spawn_file_actions_init(&files);
    ::posix_spawn_file_actions_adddup2(&files, memory.get(), SUBJECT_FD);
    Child child = Child::run({VMITAP_TEST_SUBJECT, mode, std::to_string(number)}, {}, &files);
    ::posix_spawn_file_actions_destroy(&files);
    return child;
  }

  Mapping memory_;
  Child child_;
};

}  // namespace vmitap::test
