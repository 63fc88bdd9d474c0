// SPDX-License-Identifier: MIT
#include "backend/xen/capture_lock.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <memory>
#include <string_view>
#include <thread>

#include "backend/xen/file_lock.hpp"
#include "backend/xen/library_handle.hpp"
#include "backend/xen/pause_ledger.hpp"

namespace vmitap::backend::xen {
namespace {

constexpr std::string_view kPrefix = "captured-";

std::string path_of(DomId domain, const std::string& channel) {
  return fmt::format("{}/{}{}-{}", kLedgerDirectory, kPrefix, domain.value, channel);
}

// Others hold it for a moment; one that was stopped meanwhile is not waited for.
bool lock_directory(int fd) {
  for (int tries = 500; ::flock(fd, LOCK_EX | LOCK_NB) != 0; --tries) {
    if (errno != EWOULDBLOCK || tries == 0) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  return true;
}

}  // namespace

Result<CaptureLock> CaptureLock::take(DomId domain, const std::string& channel) {
  const std::string path = path_of(domain, channel);
  ::mkdir(kLedgerDirectory, 0700);
  // Until the file is locked, so that nobody takes it for stale.
  const Fd directory(::open(kLedgerDirectory, O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!directory || !lock_directory(directory.get()))
    return fail({.code = Errc::io, .operation = "lock", .subject = kLedgerDirectory, .sys = errno});
  remove_stale_captures(kLedgerDirectory);
  Fd file(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!file) return fail({.code = Errc::io, .operation = "open", .subject = path, .sys = errno});
  if (!lock_file(file.get()))
    return fail({.code = Errc::already_captured, .number = captured_by(domain, channel)});
  const std::string pid = fmt::format("{}\n", ::getpid());
  if (::ftruncate(file.get(), 0) != 0 || ::write(file.get(), pid.data(), pid.size()) < 0)
    return fail({.code = Errc::io, .operation = "write", .subject = path, .sys = errno});
  return CaptureLock(std::move(file));
}

void remove_stale_captures(const std::string& directory) {
  const std::unique_ptr<DIR, Closer<::closedir>> entries(::opendir(directory.c_str()));
  if (!entries) return;
  while (const dirent* entry = ::readdir(entries.get())) {
    if (!std::string_view(entry->d_name).starts_with(kPrefix)) continue;
    const std::string path = fmt::format("{}/{}", directory, entry->d_name);
    // Asked and not locked: somebody who looks just now would be told that it is captured.
    const Fd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
    if (file && !is_locked(file.get())) ::unlink(path.c_str());
  }
}

pid_t captured_by(DomId domain, const std::string& channel) {
  const Fd file(::open(path_of(domain, channel).c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
  if (!file || !is_locked(file.get())) return 0;
  std::array<char, 16> text{};
  if (::read(file.get(), text.data(), text.size() - 1) <= 0) return 0;
  return static_cast<pid_t>(std::strtol(text.data(), nullptr, 10));
}

}  // namespace vmitap::backend::xen
