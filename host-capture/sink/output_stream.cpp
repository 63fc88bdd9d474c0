// SPDX-License-Identifier: MIT
#include "sink/output_stream.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <ctime>
#include <utility>

namespace vmitap::sink {
namespace {

// While it lives, this thread's write(2) to a broken pipe, or beyond the size that a file may have
// (RLIMIT_FSIZE), returns its error and kills nobody. Both signals are directed at the thread that wrote
// (signal(7)), so that they are still pending here and can be taken back.
class WriteSignalsHeld {
 public:
  WriteSignalsHeld() {
    sigset_t both;
    sigemptyset(&both);
    sigaddset(&both, SIGPIPE);
    sigaddset(&both, SIGXFSZ);
    sigset_t pending;
    sigemptyset(&pending);
    sigpending(&pending);
    sigemptyset(&ours_);
    for (const int signal : {SIGPIPE, SIGXFSZ})
      if (sigismember(&pending, signal) == 0) sigaddset(&ours_, signal);
    pthread_sigmask(SIG_BLOCK, &both, &before_);
  }
  WriteSignalsHeld(const WriteSignalsHeld&) = delete;
  WriteSignalsHeld& operator=(const WriteSignalsHeld&) = delete;
  ~WriteSignalsHeld() {
    const timespec at_once{};
    while (sigtimedwait(&ours_, nullptr, &at_once) > 0 || errno == EINTR) continue;
    pthread_sigmask(SIG_SETMASK, &before_, nullptr);
  }

 private:
  sigset_t ours_;  // were not pending before
  sigset_t before_;
};

}  // namespace

OutputStream::OutputStream(std::string path, Fd owned, int fd)
    : path_(std::move(path)), owned_(std::move(owned)), fd_(fd), is_terminal_(::isatty(fd) == 1) {}

Result<OutputStream> OutputStream::open(const std::string& path) {
  if (path == "-") return OutputStream("standard output", Fd(), STDOUT_FILENO);
  Fd fd(::open(path.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC | O_NOCTTY, 0644));
  if (!fd) return fail({.code = Errc::io, .operation = "opening for writing", .subject = path, .sys = errno});
  const int raw = fd.get();
  struct stat status {};
  if (::fstat(raw, &status) == 0 && S_ISREG(status.st_mode)) {
    // Some file systems have no locks; that is no reason not to write there.
    if (::flock(raw, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK)
      return fail({.code = Errc::access_denied,
                   .operation = "locking for writing",
                   .subject = path,
                   .sys = EWOULDBLOCK,
                   .hint = "another capture is writing to this file: give it a name of its own"});
    if (::ftruncate(raw, 0) != 0)
      return fail({.code = Errc::io, .operation = "emptying", .subject = path, .sys = errno});
  }
  return OutputStream(path, std::move(fd), raw);
}

Result<void> OutputStream::failed(const char* operation, int sys) {
  return latch({.code = Errc::io, .operation = operation, .subject = path_, .sys = sys});
}

Result<void> OutputStream::latch(Error error) {
  error_ = std::move(error);
  return fail(*error_);
}

Result<void> OutputStream::write(std::span<const std::byte> bytes) {
  if (error_) return fail(*error_);
  const WriteSignalsHeld held;
  while (!bytes.empty()) {
    const ssize_t done = ::write(fd_, bytes.data(), bytes.size());
    if (done > 0) {
      written_ += static_cast<std::uint64_t>(done);
      bytes = bytes.subspan(static_cast<std::size_t>(done));
    } else if (done < 0 && errno == EAGAIN) {
      // Whoever shares this description made it non-blocking; wait for him to read.
      pollfd ready{.fd = fd_, .events = POLLOUT, .revents = 0};
      ::poll(&ready, 1, -1);
    } else if (done < 0 && errno != EINTR) {
      return failed("writing", errno);
    }
  }
  return {};
}

Result<void> OutputStream::write(std::string_view text) { return write(std::as_bytes(std::span(text))); }

Result<void> OutputStream::close() {
  if (error_) return fail(*error_);
  if (owned_ && ::close(owned_.release()) != 0 && errno != EINTR) return failed("closing", errno);
  return {};
}

}  // namespace vmitap::sink
