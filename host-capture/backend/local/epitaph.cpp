// SPDX-License-Identifier: MIT
#include "backend/local/epitaph.hpp"

#include <fmt/format.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/wait.h>

#include <cstdint>
#include <cstring>
#include <optional>

#include "base/printable.hpp"

namespace vmitap::backend::local {
namespace {

constexpr int kWaitMs = 250;

// struct pidfd_info of <linux/pidfd.h>, Linux 6.13; the exit code since 6.15.
struct PidfdInfo {
  std::uint64_t mask;
  std::uint64_t cgroup;
  std::uint32_t ids[11];
  std::int32_t exit_code;
};
static_assert(sizeof(PidfdInfo) == 64);
constexpr std::uint64_t kPidfdInfoExit = 1u << 3;

// The wait status that a pidfd keeps after the process was waited for by its parent.
std::optional<int> kept_status(int pidfd) {
  PidfdInfo info{};
  info.mask = kPidfdInfoExit;
  if (::ioctl(pidfd, _IOWR(0xff, 11, PidfdInfo), &info) != 0 || (info.mask & kPidfdInfoExit) == 0)
    return std::nullopt;
  return info.exit_code;
}

bool ended(int pidfd, int wait_ms) {
  pollfd end{.fd = pidfd, .events = POLLIN, .revents = 0};
  return ::poll(&end, 1, wait_ms) == 1;
}

std::string in_words(int status) {
  if (WIFEXITED(status)) return fmt::format("exited with status {}", WEXITSTATUS(status));
  if (!WIFSIGNALED(status)) return "exited";
  const char* name = ::sigdescr_np(WTERMSIG(status));
  return fmt::format("killed by signal {}{}{}", WTERMSIG(status),
                     name != nullptr ? fmt::format(" ({})", name) : "",
                     WCOREDUMP(status) ? ", core dumped" : "");
}

}  // namespace

std::string epitaph(pid_t pid, int pidfd, const ProgramImage& before) {
  if (!ended(pidfd, 0)) {
    // A process that ends gives up its program first, its files next, and becomes a zombie last.
    const auto now = program_image(pid);
    const bool same_process = now && now->start_time == before.start_time && !now->program.empty();
    if (same_process && (now->program != before.program || now->start_stack != before.start_stack)) {
      return "exec'd " + printable(now->program);
    }
    if (!ended(pidfd, kWaitMs)) return "closed its control channel and runs on";
  }
  auto status = zombie_status(pid);
  if (!status) status = kept_status(pidfd);
  return status ? in_words(*status) : "exited";
}

}  // namespace vmitap::backend::local
