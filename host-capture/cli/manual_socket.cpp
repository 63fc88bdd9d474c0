// SPDX-License-Identifier: MIT
#include "cli/manual_socket.hpp"

#include <fmt/format.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <optional>

namespace vmitap::cli {
namespace {

constexpr std::uint32_t kFire = 0x65726966;  // "fire"
constexpr std::uint32_t kFired = 0x64726966;

struct Answer {
  std::uint32_t what;  // kFired
  std::uint32_t rules;
};

constexpr timeval kServeTime = {.tv_sec = 0,
                                .tv_usec = 200'000};  // a peer that dawdles must not hold up the keys
constexpr timeval kAskTime = {.tv_sec = 5, .tv_usec = 0};

struct Address {
  sockaddr_un name{};
  socklen_t size;

  explicit Address(std::string_view guest) {
    std::string text = fmt::format("vmitap/capture/{}", guest);
    text.resize(std::min(text.size(), sizeof name.sun_path - 1));
    name.sun_family = AF_UNIX;
    std::copy(text.begin(), text.end(), name.sun_path + 1);
    size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + 1 + text.size());
  }
  [[nodiscard]] const sockaddr* get() const { return reinterpret_cast<const sockaddr*>(&name); }
};

Error system_error(const char* operation) {
  return {.code = Errc::system, .operation = operation, .sys = errno};
}

std::optional<ucred> peer_of(int fd) {
  ucred peer{};
  socklen_t size = sizeof peer;
  if (::getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0) return std::nullopt;
  return peer;
}

void limit_time(int fd, const timeval& time) {
  ::setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &time, sizeof time);
  ::setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &time, sizeof time);
}

}  // namespace

Result<ManualSocket> ManualSocket::listen(std::string_view guest) {
  Fd fd(::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!fd) return fail(system_error("socket"));
  const Address address(guest);
  if (::bind(fd.get(), address.get(), address.size) != 0) return fail(system_error("bind"));
  if (::listen(fd.get(), 8) != 0) return fail(system_error("listen"));
  return ManualSocket(std::move(fd));
}

void ManualSocket::serve(const std::function<std::size_t()>& fire) {
  const Fd peer(::accept4(fd_.get(), nullptr, nullptr, SOCK_CLOEXEC));
  if (!peer) return;
  const auto who = peer_of(peer.get());
  if (!who || (who->uid != 0 && who->uid != ::geteuid())) return;
  limit_time(peer.get(), kServeTime);
  std::uint32_t request = 0;
  if (::recv(peer.get(), &request, sizeof request, 0) != static_cast<ssize_t>(sizeof request) ||
      request != kFire) {
    return;
  }
  const Answer answer{.what = kFired, .rules = static_cast<std::uint32_t>(fire())};
  // A peer that went away meanwhile has no use for it.
  [[maybe_unused]] const ssize_t sent = ::send(peer.get(), &answer, sizeof answer, MSG_NOSIGNAL);
}

bool capture_listens(std::string_view guest) {
  const Fd fd(::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  const Address address(guest);
  // EAGAIN: it listens, and others stand before us.
  return fd && (::connect(fd.get(), address.get(), address.size) == 0 || errno == EAGAIN);
}

Result<std::size_t> fire_by_socket(std::string_view guest) {
  const Fd fd(::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0));
  if (!fd) return fail(system_error("socket"));
  limit_time(fd.get(), kAskTime);
  const Address address(guest);
  if (::connect(fd.get(), address.get(), address.size) != 0) {
    if (errno == ECONNREFUSED) return fail({.code = Errc::no_such_guest});
    return fail(system_error("connect"));
  }
  const Error denied{.code = Errc::access_denied,
                     .subject = fmt::format("the capture of {}", guest),
                     .hint = "run it as the user who captures, or as root"};
  // The address is anybody's to take: only whoever may have attached the guest is believed.
  const auto who = peer_of(fd.get());
  if (!who || (who->uid != 0 && who->uid != ::geteuid() && ::geteuid() != 0)) return fail(denied);
  if (::send(fd.get(), &kFire, sizeof kFire, MSG_NOSIGNAL) < 0 && errno != EPIPE)
    return fail(system_error("send"));
  Answer answer{};
  const ssize_t size = ::recv(fd.get(), &answer, sizeof answer, 0);
  if (size == 0 || (size < 0 && errno == ECONNRESET)) return fail(denied);
  if (size < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) {
    return fail({.code = Errc::timeout, .subject = "the capture's answer"});
  }
  if (size != static_cast<ssize_t>(sizeof answer) || answer.what != kFired) {
    return fail({.code = Errc::protocol, .subject = "the answer of the capture"});
  }
  return answer.rules;
}

}  // namespace vmitap::cli
