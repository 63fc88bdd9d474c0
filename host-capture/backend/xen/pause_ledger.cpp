// SPDX-License-Identifier: MIT
#include "backend/xen/pause_ledger.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <functional>
#include <mutex>
#include <new>
#include <span>
#include <utility>

#include "backend/xen/ioctls.hpp"
#include "base/least_privilege.hpp"

namespace vmitap::backend::xen {

// In the file. What is zero was never used.
struct LedgerLine {
  std::uint32_t used;
  std::uint16_t domain;
  DomainUuid uuid;
  PauseCall pause;
  PauseCall unpause;

  // Paused by us and not given back. True from the moment at which Xen has made the one call until it has
  // made the other.
  [[nodiscard]] bool held() const noexcept { return pause.done() && !unpause.made(); }
};

namespace {

constexpr std::uint64_t kMagic = 0x3152474c54494d56;  // "VMITLGR1"
constexpr std::size_t kLines = 62;

struct Header {
  std::uint64_t magic;
  std::int32_t owner;
};

Error system_error(const char* operation, const std::string& subject) {
  return {.code = errno == EACCES || errno == EPERM ? Errc::access_denied : Errc::system,
          .operation = operation,
          .subject = subject,
          .sys = errno};
}

}  // namespace

// The file as it is mapped: by its owner, by the guardian, and, after their death, by whoever gives back.
struct LedgerFile {
  Header header;
  std::array<LedgerLine, kLines> lines;
};

namespace {

LedgerFile& file_in(const Mapping& memory) {
  return *std::launder(reinterpret_cast<LedgerFile*>(memory.bytes().data()));
}

Mapping map_file(int fd) {
  struct stat status {};
  if (::fstat(fd, &status) != 0 || status.st_size != static_cast<off_t>(sizeof(LedgerFile))) return {};
  void* const at = ::mmap(nullptr, sizeof(LedgerFile), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  return at == MAP_FAILED ? Mapping{} : Mapping{at, sizeof(LedgerFile)};
}

// Waits for the owner's death and gives back. Between fork and exec of a process with threads: nothing here
// but system calls.
[[noreturn]] void guard(int life, int privcmd, LedgerFile& file, const char* path,
                        const SyscallFilter& filter) {
  ::setsid();
  ::prctl(PR_SET_NAME, "vmitap-guard");
  for (const int signal : {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGPIPE, SIGTSTP, SIGUSR1, SIGUSR2})
    ::signal(signal, SIG_IGN);
  sigset_t none;
  ::sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
  // A kernel that has no such thing: what it guards is still worth more.
  renounce_capabilities();
  filter.load(SyscallFilter::Threads::mine);
  char byte = 0;
  ssize_t got = 0;
  while ((got = ::read(life, &byte, 1)) < 0 && errno == EINTR) {
  }
  // A byte says that the owner ends in good order and gave everything back itself.
  if (got == 0) {
    for (LedgerLine& line : file.lines)
      if (line.used != 0 && line.held()) line.unpause.make(privcmd);
  }
  // The owner may have no right to it any more. Nor has a guardian that was started anew by an owner that is
  // confined: then the next vmitap removes the file, as it does after a crash.
  ::unlink(path);
  ::_exit(0);
}

// Everything but these few is closed, so that what the owner holds of guests goes when the owner goes.
void close_all_but(std::array<int, 3> kept) {
  std::ranges::sort(kept);
  unsigned from = 0;
  for (const int fd : kept) {
    if (static_cast<unsigned>(fd) > from) ::syscall(SYS_close_range, from, static_cast<unsigned>(fd) - 1, 0);
    from = static_cast<unsigned>(fd) + 1;
  }
  ::syscall(SYS_close_range, from, ~0u, 0);
}

void each_file(const std::function<void(const std::string& path, int fd)>& look) {
  DIR* const directory = ::opendir(kLedgerDirectory);
  if (directory == nullptr) return;
  while (const dirent* entry = ::readdir(directory)) {
    if (std::strncmp(entry->d_name, "pauses-", 7) != 0) continue;
    const std::string path = fmt::format("{}/{}", kLedgerDirectory, entry->d_name);
    const Fd fd(::open(path.c_str(), O_RDWR | O_CLOEXEC | O_NOFOLLOW));
    struct stat status {};
    // Only what root wrote is believed.
    if (fd && ::fstat(fd.get(), &status) == 0 && S_ISREG(status.st_mode) && status.st_uid == 0)
      look(path, fd.get());
  }
  ::closedir(directory);
}

}  // namespace

Result<void> PauseLine::pause() noexcept {
  // In this order nobody who looks sees a pause that is not there.
  shared_->pause.rearm();
  shared_->unpause.rearm();
  const int error = shared_->pause.make(privcmd_);
  if (error == 0) return {};
  return fail({.code = error == ESRCH ? Errc::guest_gone : Errc::system,
               .operation = "XEN_DOMCTL_pausedomain",
               .sys = error});
}

void PauseLine::unpause() noexcept {
  // Xen refuses only for a domain that is no more.
  if (shared_->held()) shared_->unpause.make(privcmd_);
}

Result<PauseLedger*> PauseLedger::get() {
  static std::mutex mutex;
  static std::unique_ptr<PauseLedger> ledger;
  const std::lock_guard lock(mutex);
  if (!ledger) {
    std::unique_ptr<PauseLedger> made(new PauseLedger);
    if (auto created = made->create(); !created) return fail(std::move(created.error()));
    ledger = std::move(made);
  }
  return ledger.get();
}

Result<void> PauseLedger::create() {
  auto privcmd = open_privcmd();
  if (!privcmd) return fail(std::move(privcmd.error()));
  privcmd_.reset(*privcmd);
  if (const auto control = DomainControl::open()) give_back_orphans(*control, privcmd_.get());

  if (::mkdir(kLedgerDirectory, 0700) != 0 && errno != EEXIST)
    return fail(system_error("mkdir", kLedgerDirectory));
  path_ = fmt::format("{}/pauses-{}", kLedgerDirectory, ::getpid());
  // Complete and locked before it has its name.
  const std::string fresh = path_ + ".new";
  file_.reset(::open(fresh.c_str(), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!file_) return fail(system_error("open", fresh));
  if (::ftruncate(file_.get(), sizeof(LedgerFile)) != 0) return fail(system_error("ftruncate", fresh));
  memory_ = map_file(file_.get());
  if (!memory_) return fail(system_error("mmap", fresh));
  // Xen itself reads and writes these pages: they have to stay where they are.
  if (::mlock(memory_.bytes().data(), memory_.bytes().size()) != 0) return fail(system_error("mlock", fresh));
  auto* const file = new (memory_.bytes().data()) LedgerFile{};
  file->header = {.magic = kMagic, .owner = ::getpid()};
  if (::flock(file_.get(), LOCK_EX | LOCK_NB) != 0) return fail(system_error("flock", fresh));
  if (::rename(fresh.c_str(), path_.c_str()) != 0) return fail(system_error("rename", fresh));
  auto filter = SyscallFilter::for_guardian(hypercall_ioctls());
  if (!filter) return fail(std::move(filter.error()));
  guardian_may_.emplace(std::move(*filter));
  return start_guardian();
}

Result<void> PauseLedger::start_guardian() {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) return fail(system_error("pipe", "the guardian of pauses"));
  Fd read_end(ends[0]);
  Fd write_end(ends[1]);
  LedgerFile& file = file_in(memory_);
  guardian_ = ::fork();
  if (guardian_ < 0) return fail(system_error("fork", "the guardian of pauses"));
  if (guardian_ == 0) {
    // The open file keeps the lock, which tells that somebody looks after what the file says.
    close_all_but({read_end.get(), privcmd_.get(), file_.get()});
    guard(read_end.get(), privcmd_.get(), file, path_.c_str(), *guardian_may_);
  }
  life_ = std::move(write_end);
  return {};
}

void PauseLedger::look_after_guardian() noexcept {
  if (guardian_ > 0 && ::waitpid(guardian_, nullptr, WNOHANG) == guardian_) {
    guardian_ = -1;
    (void)start_guardian();
  }
}

PauseLedger::~PauseLedger() {
  if (!memory_) return;
  for (LedgerLine& line : file_in(memory_).lines)
    if (line.used != 0 && line.held()) line.unpause.make(privcmd_.get());
  if (guardian_ > 0) {
    const char done = 1;
    [[maybe_unused]] const auto ignored = ::write(life_.get(), &done, 1);
    ::waitpid(guardian_, nullptr, 0);
  } else {
    ::unlink(path_.c_str());
  }
}

Result<PauseLine> PauseLedger::enter(DomId domain, const DomainUuid& uuid) {
  for (LedgerLine& line : file_in(memory_).lines) {
    std::uint32_t free = 0;
    if (!std::atomic_ref(line.used).compare_exchange_strong(free, 1)) continue;
    line.domain = domain.value;
    line.uuid = uuid;
    line.pause.prepare(domain, PauseCall::Kind::pause);
    line.unpause.prepare(domain, PauseCall::Kind::unpause);
    return PauseLine(&line, privcmd_.get());
  }
  return fail({.code = Errc::too_large, .subject = "domains that one vmitap pauses", .number = kLines});
}

void PauseLedger::leave(const PauseLine& line) noexcept {
  if (line.shared_->held()) line.shared_->unpause.make(privcmd_.get());
  line.shared_->pause.rearm();
  std::atomic_ref(line.shared_->used).store(0);
}

std::vector<HeldPause> held_pauses() {
  std::vector<HeldPause> held;
  each_file([&](const std::string&, int fd) {
    const Mapping memory = map_file(fd);
    if (!memory || file_in(memory).header.magic != kMagic) return;
    const bool lives = ::flock(fd, LOCK_SH | LOCK_NB) != 0;
    for (const LedgerLine& line : file_in(memory).lines)
      if (line.used != 0 && line.held())
        held.push_back(
            {.domain = {line.domain}, .owner = file_in(memory).header.owner, .owner_lives = lives});
  });
  return held;
}

std::size_t give_back_orphans(const DomainControl& control, int privcmd) {
  std::size_t given_back = 0;
  each_file([&](const std::string& path, int fd) {
    // Locked: its owner lives, or the owner's guardian is about to do this.
    if (::flock(fd, LOCK_EX | LOCK_NB) != 0) return;
    if (const Mapping memory = map_file(fd); memory && file_in(memory).header.magic == kMagic) {
      ::mlock(memory.bytes().data(), memory.bytes().size());
      for (LedgerLine& line : file_in(memory).lines) {
        if (line.used == 0 || !line.held()) continue;
        const auto domain = control.domain(DomId{line.domain});
        if (!domain || domain->uuid != line.uuid) continue;
        line.unpause.prepare(DomId{line.domain}, PauseCall::Kind::unpause);
        if (line.unpause.make(privcmd) == 0) ++given_back;
      }
    }
    ::unlink(path.c_str());
  });
  return given_back;
}

}  // namespace vmitap::backend::xen
