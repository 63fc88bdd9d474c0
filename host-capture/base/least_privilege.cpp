// SPDX-License-Identifier: MIT
#include "base/least_privilege.hpp"

#include <linux/capability.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <charconv>
#include <chrono>
#include <filesystem>
#include <string>
#include <thread>
#include <utility>

#include "base/syscall_filter.hpp"

namespace vmitap {
namespace {

constexpr std::chrono::seconds kThreadsStart{2};
constexpr const char* kRemedy = "--no-sandbox captures with all that this user may do";

// The C library has no such call, and libcap's allocates: it could not be made between fork and exec.
struct Capabilities {
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  std::array<__user_cap_data_struct, _LINUX_CAPABILITY_U32S_3> sets{};

  int get(pid_t thread) {
    header.pid = thread;
    return ::syscall(SYS_capget, &header, sets.data()) == 0 ? 0 : errno;
  }
  [[nodiscard]] bool any() const {
    bool found = false;
    for (const auto& set : sets) found = found || set.effective != 0 || set.permitted != 0;
    return found;
  }
};

// A thread that ended meanwhile has none.
Result<void> look_at_threads() {
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator("/proc/self/task", error)) {
    const std::string name = entry.path().filename();
    pid_t thread = 0;
    std::from_chars(name.data(), name.data() + name.size(), thread);
    Capabilities held;
    const int failed = held.get(thread);
    if (failed == ESRCH || (failed == 0 && !held.any())) continue;
    return fail({.code = Errc::access_denied,
                 .operation = "drop capabilities",
                 .subject = "thread " + name + " of this process",
                 .sys = failed,
                 .hint = kRemedy});
  }
  if (error)
    return fail(
        {.code = Errc::system, .operation = "read", .subject = "/proc/self/task", .sys = error.value()});
  return {};
}

// One that was just started may not have come to give up its own.
Result<void> check_threads() {
  const auto deadline = std::chrono::steady_clock::now() + kThreadsStart;
  for (;;) {
    auto looked = look_at_threads();
    if (looked || std::chrono::steady_clock::now() >= deadline) return looked;
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
}

}  // namespace

int renounce_capabilities() noexcept {
  Capabilities none;
  return ::syscall(SYS_capset, &none.header, none.sets.data()) == 0 ? 0 : errno;
}

Result<void> confine_process(std::span<const unsigned long> ioctls) {
  auto filter = SyscallFilter::for_capture(ioctls);
  if (!filter) {
    filter.error().hint = kRemedy;
    return fail(std::move(filter.error()));
  }
  if (const int error = renounce_capabilities(); error != 0)
    return fail({.code = Errc::unsupported,
                 .operation = "capset",
                 .subject = "dropping capabilities",
                 .sys = error,
                 .hint = kRemedy});
  if (auto checked = check_threads(); !checked) return checked;
  if (const int error = filter->load(SyscallFilter::Threads::all); error != 0)
    return fail({.code = Errc::unsupported,
                 .operation = "seccomp",
                 .subject = "a filter of system calls",
                 .sys = error,
                 .hint = kRemedy});
  return {};
}

}  // namespace vmitap
