// SPDX-License-Identifier: MIT
#include "backend/local/find.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <csignal>
#include <optional>

#include "backend/local/proc.hpp"
#include "base/nearest.hpp"
#include "base/printable.hpp"

namespace vmitap::backend::local {
namespace {

using namespace std::chrono_literals;

constexpr auto kAnswerTime = 2s;          // of one guest that the user asked for
constexpr auto kSurveyTime = 500ms;       // of all guests together
constexpr std::size_t kGuestsMax = 1024;  // anybody may take addresses
constexpr std::size_t kSocketsFileMax = 64u << 20;

template <class T>
std::optional<T> whole_number(std::string_view text) {
  T value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc{} && end == text.data() + text.size() ? std::optional(value) : std::nullopt;
}

// The PIDs in the addresses of agents that listen, each as its process sees itself.
std::vector<pid_t> listening() {
  std::vector<pid_t> pids;
  const auto sockets = read_proc_file("/proc/net/unix", kSocketsFileMax);
  std::string_view rest = sockets ? std::string_view(*sockets) : std::string_view();
  const std::string prefix = fmt::format(" @{}", VMITAP_LOCAL_SOCKET_PREFIX);
  while (!rest.empty()) {
    const std::string_view line = rest.substr(0, rest.find('\n'));
    rest.remove_prefix(std::min(rest.size(), line.size() + 1));
    const std::size_t at = line.find(prefix);
    if (at == line.npos) continue;
    const auto pid = whole_number<pid_t>(line.substr(at + prefix.size()));
    if (pid && *pid > 0) pids.push_back(*pid);
  }
  // A listener and each of its connections have the same name.
  std::sort(pids.begin(), pids.end());
  pids.erase(std::unique(pids.begin(), pids.end()), pids.end());
  // Whoever takes addresses by the thousand does not push out the processes that there are.
  std::stable_partition(pids.begin(), pids.end(),
                        [](pid_t pid) { return ::kill(pid, 0) == 0 || errno == EPERM; });
  if (pids.size() > kGuestsMax) pids.resize(kGuestsMax);
  return pids;
}

std::string program_of(pid_t pid) {
  return printable(read_link(fmt::format("/proc/{}/task/{}/exe", pid, living_thread(pid))).value_or(""));
}

std::string comm_of(pid_t pid) {
  std::string name = read_proc_file(fmt::format("/proc/{}/comm", pid)).value_or("");
  while (name.ends_with('\n')) name.pop_back();
  return printable(name);
}

// The address is anybody's to take. It is believed if the process that listens is the one it names, by
// our count or (in a container of its own PID namespace) by the process's own.
bool is_its_own(const Peer& peer, pid_t named) {
  if (peer.pid <= 0 || !peer.pidfd) return false;
  if (peer.pid == named) return true;
  const auto status = process_status(peer.pid);
  return status && status->innermost_pid == named;
}

Error squatted(const Peer& peer, pid_t named) {
  return {
      .code = Errc::not_instrumented,
      .subject = fmt::format("process {}", named),
      .hint = fmt::format("its address is taken by process {}, which is not it: end that process", peer.pid)};
}

Result<Found> greet(Peer peer, Deadline deadline) {
  const pid_t pid = peer.pid;
  const std::string subject = fmt::format("process {}", pid);
  ControlClient client(std::move(peer.socket), subject);
  auto welcome = client.welcome(deadline);
  if (!welcome) {
    Error error = std::move(welcome.error());
    if (error.code == Errc::timeout) error.hint = why_silent(pid);
    // An agent hangs up on a peer that is neither root nor its own user.
    if (error.code == Errc::guest_gone && ::geteuid() != 0 && ::geteuid() != peer.uid) {
      return fail(
          {.code = Errc::access_denied,
           .subject = subject,
           .hint = fmt::format("it belongs to user {}: run vmitap as that user or as root", peer.uid)});
    }
    return fail(std::move(error));
  }
  GuestIdentity identity{.backend = "local",
                         .name = welcome->name.empty() ? comm_of(pid) : welcome->name,
                         .id = static_cast<std::uint64_t>(pid),
                         .address = fmt::format("local:{}", pid),
                         .program = program_of(pid),
                         .captured_by = welcome->captured_by};
  return Found{std::move(peer), std::move(client), std::move(identity)};
}

// Why a process that runs has no agent at its address.
Error not_a_guest(pid_t pid, const ProcessStatus& status) {
  Error error{.code = Errc::not_instrumented, .subject = fmt::format("process {} ({})", pid, comm_of(pid))};
  if (status.thread_group != pid) {
    error.hint = fmt::format("it is a thread of process {}: name that", status.thread_group);
    return error;
  }
  const auto net = read_link(fmt::format("/proc/{}/ns/net", pid));
  if (net && net != read_link("/proc/self/ns/net")) {
    error.hint = fmt::format(
        "it runs in another network namespace, where its address cannot be seen: nsenter "
        "--net=/proc/{}/ns/net vmitap ...",
        pid);
    return error;
  }
  const auto environment = read_proc_file(fmt::format("/proc/{}/environ", pid), 1u << 20);
  if (environment && ('\0' + *environment).find(std::string("\0VMITAP=off", 11)) != std::string::npos) {
    error.hint = "it was started with VMITAP=off in its environment: start it without";
  }
  return error;
}

Result<Found> find_by_pid(pid_t pid) {
  const auto status = process_status(pid);
  if (!status) return fail({.code = Errc::no_such_guest, .subject = fmt::format("{}", pid)});
  const Deadline deadline = std::chrono::steady_clock::now() + kAnswerTime;
  const pid_t innermost = status->innermost_pid > 0 ? status->innermost_pid : pid;
  std::optional<Error> problem;
  for (const pid_t named : {pid, innermost}) {
    auto peer = connect_peer(named);
    if (peer && peer->pid == pid && peer->pidfd) return greet(std::move(*peer), deadline);
    if (peer && !problem) problem = squatted(*peer, named);
    if (!peer && peer.error().code != Errc::not_instrumented) return fail(std::move(peer.error()));
    if (innermost == pid) break;
  }
  return fail(problem ? std::move(*problem) : not_a_guest(pid, *status));
}

// One of the two is there.
struct Answer {
  pid_t named;
  Result<Found> found;
};

// All that listen, asked at once and waited for together.
std::vector<Answer> survey() {
  std::vector<std::pair<pid_t, Result<Peer>>> peers;
  for (const pid_t named : listening()) peers.emplace_back(named, connect_peer(named));
  const Deadline deadline = std::chrono::steady_clock::now() + kSurveyTime;
  std::vector<Answer> answers;
  for (auto& [named, peer] : peers) {
    if (!peer && peer.error().code == Errc::not_instrumented) continue;  // it has just gone
    if (peer && !is_its_own(*peer, named)) {
      answers.push_back({named, fail(squatted(*peer, named))});
    } else if (peer) {
      const pid_t pid = peer->pid;
      answers.push_back({pid, greet(std::move(*peer), deadline)});
    } else {
      answers.push_back({named, fail(std::move(peer.error()))});
    }
  }
  return answers;
}

std::string problem_in_words(const Error& error) {
  switch (error.code) {
    case Errc::timeout:
      return error.hint.empty() ? "does not answer" : "does not answer: " + error.hint;
    case Errc::access_denied:
      return "belongs to another user";
    case Errc::abi_mismatch:
      return fmt::format("speaks version {} of the contract, this is {}", error.number.value_or(0),
                         VMITAP_CONTROL_ABI_VERSION);
    case Errc::not_instrumented:
      return error.hint;
    case Errc::guest_gone:
      return "hung up";
    default:
      return "broke the contract: " + printable(error.subject);
  }
}

}  // namespace

std::string why_silent(pid_t pid) {
  const auto status = process_status(pid);
  if (status && status->state == 'T')
    return fmt::format("it is stopped: continue it with kill -CONT {}", pid);
  if (status && status->state == 't')
    return fmt::format("it is held by its tracer, process {}", status->tracer);
  return {};
}

std::vector<Seen> seen_guests() {
  std::vector<Seen> seen;
  for (const Answer& answer : survey()) {
    if (answer.found) {
      seen.push_back({answer.found->identity, ""});
      continue;
    }
    GuestIdentity identity{.backend = "local",
                           .name = comm_of(answer.named),
                           .id = static_cast<std::uint64_t>(answer.named),
                           .address = fmt::format("local:{}", answer.named),
                           .program = program_of(answer.named)};
    seen.push_back({std::move(identity), problem_in_words(answer.found.error())});
  }
  return seen;
}

Result<Found> find_guest(std::string_view name) {
  if (const auto pid = whole_number<pid_t>(name); pid && *pid > 0) return find_by_pid(*pid);

  std::vector<Answer> answers = survey();
  std::vector<Found*> matching;
  std::vector<std::string_view> known;
  std::string candidates;
  std::optional<Error> silent;
  for (Answer& answer : answers) {
    if (!answer.found) {
      // One that does not answer is known by its program's name, as in seen_guests().
      if (comm_of(answer.named) == name) silent = answer.found.error();
      continue;
    }
    known.push_back(answer.found->identity.name);
    if (known.back() != name) continue;
    matching.push_back(&*answer.found);
    candidates += fmt::format("{}local:{}", candidates.empty() ? "" : ", ", answer.found->identity.id);
  }
  if (matching.size() == 1) return std::move(*matching[0]);
  if (matching.size() > 1) {
    return fail({.code = Errc::ambiguous_name, .subject = std::string(name), .hint = std::move(candidates)});
  }
  if (silent) return fail(*std::move(silent));
  Error error{.code = Errc::no_such_guest, .subject = std::string(name)};
  if (const std::string close = nearest(name, known); !close.empty()) {
    error.hint = fmt::format("did you mean \"{}\"? All that run: vmitap list", close);
  }
  return fail(std::move(error));
}

}  // namespace vmitap::backend::local
