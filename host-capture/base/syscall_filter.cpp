// SPDX-License-Identifier: MIT
#include "base/syscall_filter.hpp"

#include <fcntl.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <seccomp.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <initializer_list>
#include <memory>
#include <type_traits>
#include <utility>

#include "base/handle.hpp"

namespace vmitap {
namespace {

struct Release {
  void operator()(void* context) const noexcept { ::seccomp_release(context); }
};
using Context = std::unique_ptr<std::remove_pointer_t<scmp_filter_ctx>, Release>;

scmp_arg_cmp argument(unsigned index, scmp_compare how, std::uint64_t a, std::uint64_t b = 0) {
  return {.arg = index, .op = how, .datum_a = a, .datum_b = b};
}
// None of these bits.
scmp_arg_cmp without(unsigned index, std::uint64_t bits) {
  return argument(index, SCMP_CMP_MASKED_EQ, bits, 0);
}

constexpr std::array kEverywhere{
    // Memory, none of it to be run (below).
    SCMP_SYS(brk), SCMP_SYS(madvise), SCMP_SYS(mlock), SCMP_SYS(mlock2), SCMP_SYS(mremap), SCMP_SYS(munlock),
    SCMP_SYS(munmap),
    // Threads and signals.
    SCMP_SYS(exit), SCMP_SYS(exit_group), SCMP_SYS(futex), SCMP_SYS(get_robust_list), SCMP_SYS(getpid),
    SCMP_SYS(gettid), SCMP_SYS(membarrier), SCMP_SYS(restart_syscall), SCMP_SYS(rseq), SCMP_SYS(rt_sigaction),
    SCMP_SYS(rt_sigpending), SCMP_SYS(rt_sigprocmask), SCMP_SYS(rt_sigtimedwait), SCMP_SYS(rt_sigreturn),
    SCMP_SYS(sched_getaffinity), SCMP_SYS(sched_yield), SCMP_SYS(set_robust_list), SCMP_SYS(set_tid_address),
    SCMP_SYS(setsid), SCMP_SYS(sigaltstack), SCMP_SYS(wait4), SCMP_SYS(waitid),
    // Time.
    SCMP_SYS(clock_getres), SCMP_SYS(clock_gettime), SCMP_SYS(clock_nanosleep), SCMP_SYS(gettimeofday),
    SCMP_SYS(nanosleep), SCMP_SYS(time), SCMP_SYS(timerfd_create), SCMP_SYS(timerfd_gettime),
    SCMP_SYS(timerfd_settime),
    // What is open, and pipes, events and memory that have no name.
    SCMP_SYS(close), SCMP_SYS(close_range), SCMP_SYS(dup), SCMP_SYS(epoll_create1), SCMP_SYS(epoll_ctl),
    SCMP_SYS(epoll_pwait), SCMP_SYS(epoll_wait), SCMP_SYS(eventfd2), SCMP_SYS(fallocate), SCMP_SYS(fdatasync),
    SCMP_SYS(flock), SCMP_SYS(fstat), SCMP_SYS(fsync), SCMP_SYS(ftruncate), SCMP_SYS(lseek),
    SCMP_SYS(memfd_create), SCMP_SYS(pipe2), SCMP_SYS(poll), SCMP_SYS(ppoll), SCMP_SYS(pread64),
    SCMP_SYS(preadv), SCMP_SYS(pselect6), SCMP_SYS(pwrite64), SCMP_SYS(pwritev), SCMP_SYS(read),
    SCMP_SYS(readv), SCMP_SYS(select), SCMP_SYS(sync_file_range), SCMP_SYS(write), SCMP_SYS(writev),
    // Who asks at the capture's own socket, xenstore's answers, and the packets of a vif.
    SCMP_SYS(accept4), SCMP_SYS(getpeername), SCMP_SYS(getsockname), SCMP_SYS(getsockopt), SCMP_SYS(recvfrom),
    SCMP_SYS(recvmmsg), SCMP_SYS(recvmsg), SCMP_SYS(sendmsg), SCMP_SYS(sendto), SCMP_SYS(setsockopt),
    SCMP_SYS(shutdown),
    // To look at files, and at itself.
    SCMP_SYS(access), SCMP_SYS(faccessat), SCMP_SYS(faccessat2), SCMP_SYS(fstatfs), SCMP_SYS(getcwd),
    SCMP_SYS(getdents64), SCMP_SYS(getegid), SCMP_SYS(geteuid), SCMP_SYS(getgid), SCMP_SYS(getpgrp),
    SCMP_SYS(getppid), SCMP_SYS(getrandom), SCMP_SYS(getrusage), SCMP_SYS(getuid), SCMP_SYS(lstat),
    SCMP_SYS(newfstatat), SCMP_SYS(readlink), SCMP_SYS(readlinkat), SCMP_SYS(stat), SCMP_SYS(statfs),
    SCMP_SYS(statx), SCMP_SYS(sysinfo), SCMP_SYS(uname),
    // To have less still.
    SCMP_SYS(capget), SCMP_SYS(capset), SCMP_SYS(seccomp)};

constexpr std::array kGuardian{SCMP_SYS(exit_group),   SCMP_SYS(read),        SCMP_SYS(restart_syscall),
                               SCMP_SYS(rt_sigreturn), SCMP_SYS(sched_yield), SCMP_SYS(unlink)};

// Nothing that is linked into vmitap makes these while it captures.
constexpr std::array kDeadly{SCMP_SYS(add_key),
                             SCMP_SYS(bpf),
                             SCMP_SYS(chroot),
                             SCMP_SYS(delete_module),
                             SCMP_SYS(execve),
                             SCMP_SYS(execveat),
                             SCMP_SYS(finit_module),
                             SCMP_SYS(init_module),
                             SCMP_SYS(io_uring_setup),
                             SCMP_SYS(ioperm),
                             SCMP_SYS(iopl),
                             SCMP_SYS(kexec_file_load),
                             SCMP_SYS(kexec_load),
                             SCMP_SYS(keyctl),
                             SCMP_SYS(mount),
                             SCMP_SYS(open_by_handle_at),
                             SCMP_SYS(perf_event_open),
                             SCMP_SYS(pivot_root),
                             SCMP_SYS(process_vm_readv),
                             SCMP_SYS(process_vm_writev),
                             SCMP_SYS(ptrace),
                             SCMP_SYS(reboot),
                             SCMP_SYS(request_key),
                             SCMP_SYS(setfsuid),
                             SCMP_SYS(setns),
                             SCMP_SYS(setresuid),
                             SCMP_SYS(setreuid),
                             SCMP_SYS(setuid),
                             SCMP_SYS(swapon),
                             SCMP_SYS(umount2),
                             SCMP_SYS(unshare),
                             SCMP_SYS(userfaultfd)};

// Of a terminal: its size and its mode, but not what is typed there (TIOCSTI).
constexpr std::array<unsigned long, 8> kTerminal{TCGETS,     TCSETS,    TCSETSW, TCSETSF,
                                                 TIOCGWINSZ, TIOCGPGRP, FIONBIO, FIONREAD};

constexpr std::uint64_t kNamespaces = CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS | CLONE_NEWIPC |
                                      CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNET | CLONE_PTRACE |
                                      CLONE_UNTRACED | CLONE_PARENT;
constexpr std::uint64_t kWrites =
    O_WRONLY | O_RDWR | O_CREAT | O_TRUNC | O_APPEND | (O_TMPFILE & ~O_DIRECTORY);

// libseccomp 2.5 reads what it has just freed where memory ends: it begins only if there is far more than the
// few hundred KiB that it takes.
constexpr std::size_t kMemory = std::size_t{8} << 20;

bool has_memory() {
  void* const room = ::mmap(nullptr, kMemory, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  return room != MAP_FAILED && ::munmap(room, kMemory) == 0;
}

tl::unexpected<Error> cannot(const char* operation, int error) {
  return fail({.code = Errc::unsupported,
               .operation = operation,
               .subject = "a filter of system calls",
               .sys = error});
}

}  // namespace

// Gathers rules; the first that libseccomp refuses is the error of the whole.
class SyscallFilterMaker {
 public:
  SyscallFilterMaker() : context_(has_memory() ? ::seccomp_init(SCMP_ACT_ERRNO(EPERM)) : nullptr) {
    if (!context_) {
      error_ = ENOMEM;
      return;
    }
    note(::seccomp_attr_set(context_.get(), SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS));
    note(::seccomp_attr_set(context_.get(), SCMP_FLTATR_CTL_OPTIMIZE, 2));  // a tree, and no list
  }

  void allow(std::span<const int> calls) {
    for (const int call : calls) rule(SCMP_ACT_ALLOW, call, {});
  }
  void allow(int call, std::initializer_list<scmp_arg_cmp> arguments) {
    rule(SCMP_ACT_ALLOW, call, arguments);
  }
  void allow_ioctls(SyscallFilter::Ioctls ioctls) {
    for (const unsigned long request : ioctls)
      rule(SCMP_ACT_ALLOW, SCMP_SYS(ioctl), {argument(1, SCMP_CMP_EQ, request)});
  }
  void kill(std::span<const int> calls) {
    for (const int call : calls) rule(SCMP_ACT_KILL_PROCESS, call, {});
  }
  void refuse(int call, int error) { rule(SCMP_ACT_ERRNO(static_cast<unsigned>(error)), call, {}); }

  Result<SyscallFilter> make() {
    if (error_ == ENOMEM)
      return fail({.code = Errc::system,
                   .operation = "allocate memory for the filter of system calls",
                   .sys = ENOMEM});
    if (error_ != 0) return cannot("seccomp_rule_add", error_);
    const Fd file(::memfd_create("filter", MFD_CLOEXEC));
    if (!file) return cannot("memfd_create", errno);
    if (const int error = ::seccomp_export_bpf(context_.get(), file.get()); error != 0)
      return cannot("seccomp_export_bpf", -error);
    const off_t size = ::lseek(file.get(), 0, SEEK_END);
    std::vector<sock_filter> program(static_cast<std::size_t>(size) / sizeof(sock_filter));
    if (program.empty() || program.size() > BPF_MAXINSNS ||
        ::pread(file.get(), program.data(), program.size() * sizeof(sock_filter), 0) != size)
      return cannot("seccomp_export_bpf", E2BIG);
    return SyscallFilter(std::move(program));
  }

 private:
  void note(int result) {
    if (result != 0 && error_ == 0) error_ = -result;
  }
  void rule(std::uint32_t action, int call, std::initializer_list<scmp_arg_cmp> arguments) {
    if (context_)
      note(::seccomp_rule_add_array(context_.get(), action, call, static_cast<unsigned>(arguments.size()),
                                    arguments.begin()));
  }

  Context context_;
  int error_ = 0;
};

Result<SyscallFilter> SyscallFilter::for_capture(Ioctls ioctls) {
  SyscallFilterMaker maker;
  maker.allow(kEverywhere);
  maker.allow_ioctls(kTerminal);
  maker.allow_ioctls(ioctls);
  maker.allow(SCMP_SYS(mmap), {without(2, PROT_EXEC)});
  maker.allow(SCMP_SYS(mprotect), {without(2, PROT_EXEC)});
  maker.allow(SCMP_SYS(open), {without(1, kWrites)});
  maker.allow(SCMP_SYS(openat), {without(2, kWrites)});
  maker.allow(SCMP_SYS(clone), {without(0, kNamespaces)});
  maker.refuse(SCMP_SYS(clone3), ENOSYS);  // its arguments stand in memory; the C library then takes clone
  maker.allow(SCMP_SYS(prlimit64), {argument(2, SCMP_CMP_EQ, 0)});  // to ask, and not to set
  for (const int option : {PR_SET_NAME, PR_GET_NAME, PR_SET_NO_NEW_PRIVS, PR_GET_NO_NEW_PRIVS})
    maker.allow(SCMP_SYS(prctl), {argument(0, SCMP_CMP_EQ, static_cast<std::uint64_t>(option))});
  // Not who gets a signal when a file is ready, and which (F_SETOWN, F_SETSIG): any process might.
  for (const int command : {F_DUPFD, F_DUPFD_CLOEXEC, F_GETFD, F_SETFD, F_GETFL, F_GETPIPE_SZ, F_SETPIPE_SZ})
    maker.allow(SCMP_SYS(fcntl), {argument(1, SCMP_CMP_EQ, static_cast<std::uint64_t>(command))});
  maker.allow(SCMP_SYS(fcntl), {argument(1, SCMP_CMP_EQ, F_SETFL), without(2, O_ASYNC)});
  const auto self = static_cast<std::uint64_t>(::getpid());
  maker.allow(SCMP_SYS(tgkill), {argument(0, SCMP_CMP_EQ, self)});
  maker.kill(kDeadly);
  return maker.make();
}

Result<SyscallFilter> SyscallFilter::for_guardian(Ioctls ioctls) {
  SyscallFilterMaker maker;
  maker.allow(kGuardian);
  maker.allow_ioctls(ioctls);
  maker.kill(kDeadly);
  return maker.make();
}

int SyscallFilter::load(Threads threads) const noexcept {
  const sock_fprog program{.len = static_cast<unsigned short>(program_.size()),
                           .filter = const_cast<sock_filter*>(program_.data())};
  if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return errno;
  const unsigned flags = SECCOMP_FILTER_FLAG_LOG | (threads == Threads::all ? SECCOMP_FILTER_FLAG_TSYNC : 0u);
  const long result = ::syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags, &program);
  // Above 0: the thread that goes another way.
  return result == 0 ? 0 : result > 0 ? ESRCH : errno;
}

}  // namespace vmitap
