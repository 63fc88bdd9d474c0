// SPDX-License-Identifier: MIT
#include "backend/local/control_client.hpp"

#include <fmt/format.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstddef>
#include <cstring>
#include <type_traits>
#include <utility>

#include "backend/control_request.hpp"

#ifndef SO_PEERPIDFD
#define SO_PEERPIDFD 77  // Linux 6.5
#endif

namespace vmitap::backend::local {
namespace {

constexpr std::size_t kDescriptorsMax = 8;  // more than a message ever brings
constexpr int kUnaskedMax = 64;  // messages per poll_unasked(): an agent that floods gets no more time

template <class T>
std::string_view bytes_of(const T& value) {
  static_assert(std::is_trivially_copyable_v<T>);
  return {reinterpret_cast<const char*>(&value), sizeof value};
}

auto broken(const char* rule) { return fail({.code = Errc::protocol, .subject = rule}); }

// Every descriptor that a message brought, owned before anything else is looked at.
std::vector<Fd> descriptors_of(msghdr& message) {
  std::vector<Fd> owned;
  for (cmsghdr* control = CMSG_FIRSTHDR(&message); control != nullptr;
       control = CMSG_NXTHDR(&message, control)) {
    if (control->cmsg_level != SOL_SOCKET || control->cmsg_type != SCM_RIGHTS) continue;
    const std::size_t count = (control->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    for (std::size_t i = 0; i < count; ++i) {
      int fd = -1;
      std::memcpy(&fd, CMSG_DATA(control) + i * sizeof fd, sizeof fd);
      owned.emplace_back(fd);
    }
  }
  return owned;
}

}  // namespace

Result<Peer> connect_peer(pid_t named) {
  const std::string subject = fmt::format("process {}", named);
  Peer peer;
  peer.socket.reset(::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!peer.socket)
    return fail({.code = Errc::system, .operation = "socket", .subject = subject, .sys = errno});

  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  const std::string name = fmt::format("{}{}", VMITAP_LOCAL_SOCKET_PREFIX, named);
  std::memcpy(address.sun_path + 1, name.data(), name.size());
  const auto length = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + 1 + name.size());
  if (::connect(peer.socket.get(), reinterpret_cast<const sockaddr*>(&address), length) != 0) {
    if (errno == ECONNREFUSED) return fail({.code = Errc::not_instrumented, .subject = subject});
    if (errno == EAGAIN) return fail({.code = Errc::timeout, .subject = subject + ", whose queue is full"});
    return fail({.code = Errc::system, .operation = "connect", .subject = subject, .sys = errno});
  }

  ucred credentials{};
  socklen_t size = sizeof credentials;
  if (::getsockopt(peer.socket.get(), SOL_SOCKET, SO_PEERCRED, &credentials, &size) != 0) {
    return fail(
        {.code = Errc::system, .operation = "getsockopt(SO_PEERCRED)", .subject = subject, .sys = errno});
  }
  peer.pid = credentials.pid;
  peer.uid = credentials.uid;

  // A pidfd from the socket names the very process that listened; by its number it might be a later one.
  int pidfd = -1;
  size = sizeof pidfd;
  if (::getsockopt(peer.socket.get(), SOL_SOCKET, SO_PEERPIDFD, &pidfd, &size) != 0) {
    pidfd = peer.pid > 0 ? static_cast<int>(::syscall(SYS_pidfd_open, peer.pid, 0)) : -1;
  }
  peer.pidfd.reset(pidfd);
  return peer;
}

Error ControlClient::with_subject(Errc code, const char* operation, int sys) const {
  return {.code = code, .operation = operation, .subject = subject_, .sys = sys};
}

Result<void> ControlClient::wait_for(short events, Deadline deadline) {
  for (;;) {
    // Past the deadline too one look is due: the answer may have been there for long.
    const auto left =
        std::chrono::ceil<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now());
    const int wait_ms = static_cast<int>(std::max<std::int64_t>(left.count(), 0));
    pollfd ready{.fd = socket_.get(), .events = events, .revents = 0};
    const int count = ::poll(&ready, 1, wait_ms);
    if (count > 0) return {};
    if (count < 0 && errno != EINTR) return fail(with_subject(Errc::system, "poll", errno));
    if (count == 0 && wait_ms == 0)
      return fail({.code = Errc::timeout, .subject = "the agent of " + subject_});
  }
}

Result<void> ControlClient::send(std::uint32_t type, std::string_view body, Deadline deadline) {
  refused_ = false;
  const vmitap_message header{type, static_cast<std::uint32_t>(sizeof(vmitap_message) + body.size())};
  std::string packet(bytes_of(header));
  packet += body;
  for (;;) {
    if (::send(socket_.get(), packet.data(), packet.size(), MSG_NOSIGNAL | MSG_DONTWAIT) >= 0) return {};
    if (errno == EPIPE || errno == ECONNRESET) return fail(with_subject(Errc::guest_gone, ""));
    if (errno != EAGAIN && errno != EINTR) return fail(with_subject(Errc::system, "send", errno));
    if (auto writable = wait_for(POLLOUT, deadline); !writable) return writable;
  }
}

Result<std::optional<ControlClient::Received>> ControlClient::receive_now() {
  // One byte more than a message may have: a longer packet is cut there, and seen to be too long.
  std::array<std::byte, VMITAP_MESSAGE_MAX + 1> packet;
  alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(int) * kDescriptorsMax)> control;
  iovec io{packet.data(), packet.size()};
  msghdr message{};
  message.msg_iov = &io;
  message.msg_iovlen = 1;
  message.msg_control = control.data();
  message.msg_controllen = control.size();
  const ssize_t size = ::recvmsg(socket_.get(), &message, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
  if (size < 0) {
    if (errno == EAGAIN || errno == EINTR) return std::nullopt;
    if (errno == ECONNRESET) return fail(with_subject(Errc::guest_gone, ""));
    return fail(with_subject(Errc::system, "recvmsg", errno));
  }
  std::vector<Fd> descriptors = descriptors_of(message);
  if (size == 0) return fail(with_subject(Errc::guest_gone, ""));  // end of file: no message is empty
  if ((message.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) != 0) return broken("a message is too large");
  auto parsed = parse_control_message(std::span(packet).first(static_cast<std::size_t>(size)));
  if (!parsed) return fail(std::move(parsed.error()));
  if (!descriptors.empty() && !std::holds_alternative<Attached>(*parsed)) {
    return broken("descriptors came with a message that brings none");
  }
  return Received{std::move(*parsed), std::move(descriptors)};
}

Result<ControlClient::Received> ControlClient::receive(Deadline deadline) {
  for (;;) {
    if (auto readable = wait_for(POLLIN, deadline); !readable) return fail(std::move(readable.error()));
    auto received = receive_now();
    if (!received) return fail(std::move(received.error()));
    if (*received) return std::move(**received);
  }
}

Result<ControlClient::Received> ControlClient::receive_answer(Deadline deadline) {
  for (;;) {
    auto received = receive(deadline);
    if (!received || !std::holds_alternative<Changed>(received->message)) return received;
    changed_ = true;
  }
}

Result<Welcome> ControlClient::welcome(Deadline deadline) {
  auto received = receive(deadline);
  if (!received) return fail(std::move(received.error()));
  auto* welcome = std::get_if<Welcome>(&received->message);
  if (welcome == nullptr) return broken("the first message is not WELCOME");
  if (welcome->abi_version != VMITAP_CONTROL_ABI_VERSION) {
    Error error = with_subject(Errc::abi_mismatch, "");
    error.number = welcome->abi_version;
    return fail(std::move(error));
  }
  return std::move(*welcome);
}

Result<GuestCatalog> ControlClient::list(Deadline deadline) {
  if (auto sent = send(VMITAP_LIST, {}, deadline); !sent) return fail(std::move(sent.error()));
  for (CatalogMessages listed;;) {
    auto received = receive_answer(deadline);
    if (!received) return fail(std::move(received.error()));
    const auto done = listed.take(std::move(received->message));
    if (!done) return fail(done.error());
    if (*done) return std::move(listed.catalog());
  }
}

Result<std::vector<Fd>> ControlClient::attach(Deadline deadline) {
  const vmitap_attach body{VMITAP_CONTROL_ABI_VERSION, 0};
  if (auto sent = send(VMITAP_ATTACH, bytes_of(body), deadline); !sent) return fail(std::move(sent.error()));
  auto received = receive_answer(deadline);
  if (!received) return fail(std::move(received.error()));
  if (const auto* refused = std::get_if<Refused>(&received->message)) return fail(refusal(*refused));
  if (!std::holds_alternative<Attached>(received->message))
    return broken("ATTACH was answered with something else");
  return std::move(received->descriptors);
}

Result<void> ControlClient::arm(const ArmRequest& request, Deadline deadline) {
  if (auto sent = send(VMITAP_ARM, arm_body(request), deadline); !sent) return sent;
  return expect_done(deadline);
}

Result<void> ControlClient::disarm(TriggerId trigger, Deadline deadline) {
  if (auto sent = send(VMITAP_DISARM, disarm_body(trigger), deadline); !sent) return sent;
  return expect_done(deadline);
}

Result<void> ControlClient::expect_done(Deadline deadline) {
  auto received = receive_answer(deadline);
  if (!received) return fail(std::move(received.error()));
  if (const auto* refused = std::get_if<Refused>(&received->message)) return fail(refusal(*refused));
  if (!std::holds_alternative<Done>(received->message))
    return broken("ARM or DISARM was answered with something else");
  return {};
}

Error ControlClient::refusal(const Refused& refused) {
  refused_ = true;
  return backend::refusal(refused, subject_);
}

Result<bool> ControlClient::poll_unasked() {
  for (int i = 0; i < kUnaskedMax; ++i) {
    auto received = receive_now();
    if (!received) return fail(std::move(received.error()));
    if (!*received) break;
    if (!std::holds_alternative<Changed>((*received)->message)) return broken("an answer came to no request");
    changed_ = true;
  }
  return take_changed();
}

bool ControlClient::take_changed() noexcept { return std::exchange(changed_, false); }

}  // namespace vmitap::backend::local
