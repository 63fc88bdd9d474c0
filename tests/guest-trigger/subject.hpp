// SPDX-License-Identifier: MIT
// Runs the guest of these tests (subject.c) and tells it what to do.
#pragma once

#include <sys/types.h>

#include <string>
#include <utility>
#include <vector>

namespace vmitap::test {

class Subject {
 public:
  using Environment = std::vector<std::pair<std::string, std::string>>;
  explicit Subject(const Environment& environment = {});
  ~Subject();
  Subject(const Subject&) = delete;
  Subject& operator=(const Subject&) = delete;

  [[nodiscard]] pid_t pid() const { return pid_; }
  void send(const std::string& command) const;
  // The next line the guest prints, without "ok "; "" if there is none within 30 seconds or it died.
  std::string answer();
  // Whether answer() would not have to wait.
  [[nodiscard]] bool has_answer() const;
  std::string tell(const std::string& command);
  std::vector<long> numbers(const std::string& command);
  // Closes its input, so that it ends, and returns its exit status (128 + signal if killed).
  int finish();

 private:
  pid_t pid_ = -1;
  int input_ = -1;
  int output_ = -1;
  std::string pending_;
};

}  // namespace vmitap::test
