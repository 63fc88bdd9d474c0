// SPDX-License-Identifier: MIT
#include "backend/xen/pause_ledger.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <sched.h>
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

#include "backend/xen/file_lock.hpp"
#include "backend/xen/ioctls.hpp"
#include "base/least_privilege.hpp"

namespace vmitap::backend::xen {

// In the file. What is zero was never used. Never across two pages.
struct alignas(64) LedgerLine {
  std::uint32_t used;
  std::uint16_t domain;
  DomainUuid uuid;
  PauseMark paused;
  PauseMark given_back;

  [[nodiscard]] bool held() const noexcept { return paused.is_set() && !given_back.is_set(); }
};

// In the pages that owner and guardian share.
struct LedgerCalls {
  PauseCall pause;
  PauseCall unpause;

  // Paused by us and not given back. True from the moment at which Xen has made the one call until it has
  // made the other.
  [[nodiscard]] bool held() const noexcept { return pause.done() && !unpause.settled(); }
};

namespace {

constexpr std::uint64_t kMagic = 0x3352474c54494d56;  // "VMITLGR3"
constexpr std::size_t kLines = 62;
constexpr int kTries = 1000;
constexpr int kNames = 16;  // of ledgers of one process number

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

using AllCalls = std::array<LedgerCalls, kLines>;

AllCalls& calls_in(const Mapping& pages) {
  return *std::launder(reinterpret_cast<AllCalls*>(pages.bytes().data()));
}

// What is tried in vain is tried again: the kernel may lack memory for the call. False: it is held still.
bool give_back(LedgerLine& line, LedgerCalls& calls, int privcmd) noexcept {
  for (int tries = kTries; calls.held() && tries > 0; --tries) {
    if (tries < kTries) ::sched_yield();
    calls.unpause.make(privcmd);
    if (calls.unpause.settled())
      line.given_back.set();
    else
      line.given_back.clear();
  }
  return !calls.held();
}

// False: one of them is held still.
bool give_all_back(LedgerFile& file, AllCalls& calls, int privcmd) noexcept {
  bool is_settled = true;
  for (std::size_t i = 0; i < kLines; ++i)
    if (file.lines[i].used != 0 && !give_back(file.lines[i], calls[i], privcmd)) is_settled = false;
  return is_settled;
}

Mapping map_file(int fd) {
  struct stat status {};
  if (::fstat(fd, &status) != 0 || status.st_size != static_cast<off_t>(sizeof(LedgerFile))) return {};
  void* const at = ::mmap(nullptr, sizeof(LedgerFile), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  return at == MAP_FAILED ? Mapping{} : Mapping{at, sizeof(LedgerFile)};
}

// Waits for the owner's death and gives back. Between fork and exec of a process with threads: nothing here
// but system calls.
[[noreturn]] void guard(int life, int privcmd, LedgerFile& file, AllCalls& calls, const char* path,
                        const SyscallFilter& filter) {
  ::setsid();
  ::prctl(PR_SET_NAME, "vmitap-guard");
  for (const int signal : {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGPIPE, SIGTSTP, SIGUSR1, SIGUSR2})
    ::signal(signal, SIG_IGN);
  sigset_t none;
  ::sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
  ::mlock(&file, sizeof file);  // its maker's lock was not inherited
  // A kernel that has no such thing: what it guards is still worth more.
  renounce_capabilities();
  filter.load(SyscallFilter::Threads::mine);
  char byte = 0;
  ssize_t got = 0;
  while ((got = ::read(life, &byte, 1)) < 0 && errno == EINTR) {
  }
  // A byte says that the owner ends in good order and gave everything back itself.
  if (got == 0 && !give_all_back(file, calls, privcmd)) ::_exit(1);  // the next vmitap tries again
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
  // One that could not be given back is not forgotten over the next.
  if (!give_back(*line_, *calls_, privcmd_))
    return fail({.code = Errc::system, .operation = "XEN_DOMCTL_unpausedomain", .sys = EBUSY});
  // In this order nobody who looks sees a pause that is not there.
  calls_->pause.rearm();
  calls_->unpause.rearm();
  line_->paused.clear();
  line_->given_back.clear();
  const int error = calls_->pause.make(privcmd_);
  if (error == 0) {
    line_->paused.set();
    return {};
  }
  line_->paused.clear();
  return fail({.code = error == ESRCH ? Errc::guest_gone : Errc::system,
               .operation = "XEN_DOMCTL_pausedomain",
               .sys = error});
}

bool PauseLine::unpause() noexcept {
  give_back(*line_, *calls_, privcmd_);
  return calls_->unpause.done();
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
  // Complete and locked before it has the name by which others look for it.
  const std::string fresh = fmt::format("{}/new-{}", kLedgerDirectory, ::getpid());
  auto completed = complete(fresh);
  if (!completed) ::unlink(fresh.c_str());
  return completed;
}

Result<void> PauseLedger::complete(const std::string& fresh) {
  file_.reset(::open(fresh.c_str(), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!file_) return fail(system_error("open", fresh));
  if (::ftruncate(file_.get(), sizeof(LedgerFile)) != 0) return fail(system_error("ftruncate", fresh));
  memory_ = map_file(file_.get());
  if (!memory_) return fail(system_error("mmap", fresh));
  // Xen itself writes its marks there, and cannot fetch a page.
  if (::mlock(memory_.bytes().data(), memory_.bytes().size()) != 0) return fail(system_error("mlock", fresh));
  auto* const file = new (memory_.bytes().data()) LedgerFile{};
  file->header = {.magic = kMagic, .owner = ::getpid()};
  if (!lock_file(file_.get())) return fail(system_error("lock", fresh));
  auto pages = map_hypercall_pages(sizeof(AllCalls));
  if (!pages) return fail(std::move(pages.error()));
  pages_ = std::move(*pages);
  new (pages_.bytes().data()) AllCalls;
  // One of a dead process with the same number, which could not be settled, stays.
  for (int another = 1; ::renameat2(AT_FDCWD, fresh.c_str(), AT_FDCWD, path_.c_str(), RENAME_NOREPLACE) != 0;
       ++another) {
    if (errno != EEXIST || another == kNames) return fail(system_error("rename", fresh));
    path_ = fmt::format("{}/pauses-{}-{}", kLedgerDirectory, ::getpid(), another);
  }
  auto filter = SyscallFilter::for_guardian(hypercall_ioctls());
  if (!filter) return fail(std::move(filter.error()));
  guardian_may_.emplace(std::move(*filter));
  // The kernel closes a crashed process's files after it has written the core: until then its guardian would
  // wait, and the guests stand. A limit of 0 does not spare it where cores go through a pipe.
  if (::prctl(PR_SET_DUMPABLE, 0) != 0)
    return fail(system_error("prctl(PR_SET_DUMPABLE)", "core dumps of this process"));
  return start_guardian();
}

Result<void> PauseLedger::start_guardian() {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) return fail(system_error("pipe", "the guardian of pauses"));
  Fd read_end(ends[0]);
  Fd write_end(ends[1]);
  LedgerFile& file = file_in(memory_);
  AllCalls& calls = calls_in(pages_);
  guardian_ = ::fork();
  if (guardian_ < 0) return fail(system_error("fork", "the guardian of pauses"));
  if (guardian_ == 0) {
    // The open file keeps the lock, which tells that somebody looks after what the file says.
    close_all_but({read_end.get(), privcmd_.get(), file_.get()});
    guard(read_end.get(), privcmd_.get(), file, calls, path_.c_str(), *guardian_may_);
  }
  life_ = std::move(write_end);
  return {};
}

void PauseLedger::look_after_guardian() noexcept {
  if (guardian_ > 0) {
    const pid_t ended = ::waitpid(guardian_, nullptr, WNOHANG);
    // ECHILD: who started us had SIGCHLD ignored, so that nobody's end is kept.
    if (ended == guardian_ || (ended < 0 && errno == ECHILD)) guardian_ = -1;
  }
  if (guardian_ < 0) (void)start_guardian();  // or at the next look
}

PauseLedger::~PauseLedger() {
  if (!pages_) return;
  if (!give_all_back(file_in(memory_), calls_in(pages_), privcmd_.get()))
    return;  // the guardian tries, and then the next vmitap
  if (guardian_ > 0) {
    const char done = 1;
    [[maybe_unused]] const auto ignored = ::write(life_.get(), &done, 1);
    ::waitpid(guardian_, nullptr, 0);
  } else {
    ::unlink(path_.c_str());
  }
}

Result<PauseLine> PauseLedger::enter(DomId domain, const DomainUuid& uuid) {
  for (std::size_t i = 0; i < kLines; ++i) {
    LedgerLine& line = file_in(memory_).lines[i];
    std::uint32_t free = 0;
    if (!std::atomic_ref(line.used).compare_exchange_strong(free, 1)) continue;
    LedgerCalls& calls = calls_in(pages_)[i];
    line.domain = domain.value;
    line.uuid = uuid;
    calls.pause.prepare(domain, PauseCall::Kind::pause, line.paused);
    calls.unpause.prepare(domain, PauseCall::Kind::unpause, line.given_back);
    return PauseLine(line, calls, privcmd_.get());
  }
  return fail({.code = Errc::too_large, .subject = "domains that one vmitap pauses", .number = kLines});
}

void PauseLedger::leave(const PauseLine& line) noexcept {
  if (!give_back(*line.line_, *line.calls_, privcmd_.get())) return;  // nor is the line anybody else's
  line.calls_->pause.rearm();
  line.line_->paused.clear();
  std::atomic_ref(line.line_->used).store(0);
}

std::vector<HeldPause> held_pauses() {
  std::vector<HeldPause> held;
  each_file([&](const std::string&, int fd) {
    const Mapping memory = map_file(fd);
    if (!memory || file_in(memory).header.magic != kMagic) return;
    const bool lives = is_locked(fd);
    for (const LedgerLine& line : file_in(memory).lines)
      if (line.used != 0 && line.held())
        held.push_back(
            {.domain = {line.domain}, .owner = file_in(memory).header.owner, .owner_lives = lives});
  });
  return held;
}

std::size_t give_back_orphans(const DomainControl& control, int privcmd) {
  std::size_t given_back = 0;
  const auto domains = control.domains();
  if (!domains) return 0;  // which of them still live is not known
  const auto page = map_hypercall_pages(sizeof(PauseCall));
  if (!page) return 0;
  auto& call = *new (page->bytes().data()) PauseCall;
  each_file([&](const std::string& path, int fd) {
    // Locked: its owner lives, or the owner's guardian is about to do this.
    if (!lock_file(fd)) return;
    // What cannot be looked at, or was written by another vmitap, may hold a pause: it stays.
    const Mapping memory = map_file(fd);
    if (!memory || file_in(memory).header.magic != kMagic) return;
    ::mlock(memory.bytes().data(), memory.bytes().size());
    bool is_settled = true;
    for (LedgerLine& line : file_in(memory).lines) {
      if (line.used == 0 || !line.held()) continue;
      const bool lives = std::ranges::any_of(*domains, [&](const DomainInfo& domain) {
        return domain.id.value == line.domain && domain.uuid == line.uuid;
      });
      if (!lives) continue;
      call.prepare(DomId{line.domain}, PauseCall::Kind::unpause, line.given_back);
      call.make(privcmd);
      if (call.done()) ++given_back;
      if (!call.settled()) line.given_back.clear();
      is_settled = is_settled && call.settled();
    }
    if (is_settled) ::unlink(path.c_str());
  });
  return given_back;
}

}  // namespace vmitap::backend::xen
