// SPDX-License-Identifier: MIT
// A process that takes a guest's address and does there what the test says.
#pragma once

#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <cstddef>
#include <cstring>
#include <functional>
#include <string>
#include <vector>

#include "subject.hpp"
#include "vmitap/control_abi.h"

namespace vmitap::test {

class FakeAgent {
 public:
  using Behaviour = std::function<void(int connection)>;

  // Behaves in a process of its own for one connection after the other, under the address of `named` (0: its
  // own).
  explicit FakeAgent(const Behaviour& behave, pid_t named = 0) : child_(start(behave, named)) {}

  [[nodiscard]] pid_t pid() const { return child_.pid(); }
  [[nodiscard]] std::string name() const { return "local:" + std::to_string(pid()); }
  Child& child() { return child_; }

  // For behaviours.
  static void say(int connection, std::uint32_t type, const std::string& body = "",
                  const std::vector<int>& fds = {}) {
    const vmitap_message header{type, static_cast<std::uint32_t>(sizeof(vmitap_message) + body.size())};
    say_raw(connection, std::string(reinterpret_cast<const char*>(&header), sizeof header) + body, fds);
  }
  static void say_raw(int connection, std::string packet, const std::vector<int>& fds = {}) {
    iovec io{packet.data(), packet.size()};
    msghdr message{};
    message.msg_iov = &io;
    message.msg_iovlen = 1;
    std::vector<char> control(CMSG_SPACE(fds.size() * sizeof(int)));
    if (!fds.empty()) {
      message.msg_control = control.data();
      message.msg_controllen = control.size();
      cmsghdr* header = CMSG_FIRSTHDR(&message);
      header->cmsg_level = SOL_SOCKET;
      header->cmsg_type = SCM_RIGHTS;
      header->cmsg_len = CMSG_LEN(fds.size() * sizeof(int));
      std::memcpy(CMSG_DATA(header), fds.data(), fds.size() * sizeof(int));
    }
    [[maybe_unused]] const ssize_t sent = ::sendmsg(connection, &message, MSG_NOSIGNAL);
  }
  static void welcome(int connection, const char* name = "fake",
                      std::uint32_t version = VMITAP_CONTROL_ABI_VERSION) {
    vmitap_welcome body{};
    body.magic = VMITAP_CONTROL_MAGIC;
    body.abi_version = version;
    std::strncpy(body.name, name, sizeof body.name - 1);
    say(connection, VMITAP_WELCOME, bytes(body));
  }
  // The type of the next message from the host, 0 at the end.
  static std::uint32_t hear(int connection) {
    std::vector<char> packet(VMITAP_MESSAGE_MAX);
    const ssize_t size = ::recv(connection, packet.data(), packet.size(), 0);
    vmitap_message header{};
    if (size >= static_cast<ssize_t>(sizeof header)) std::memcpy(&header, packet.data(), sizeof header);
    return header.type;
  }
  template <class T>
  static std::string bytes(const T& body) {
    return {reinterpret_cast<const char*>(&body), sizeof body};
  }

 private:
  static Child start(const Behaviour& behave, pid_t named) {
    int ready[2];
    if (::pipe(ready) != 0) std::abort();
    const pid_t pid = ::fork();
    if (pid == 0) {
      ::prctl(PR_SET_PDEATHSIG, SIGKILL);
      const int listener = ::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
      sockaddr_un address{};
      address.sun_family = AF_UNIX;
      const std::string path = VMITAP_LOCAL_SOCKET_PREFIX + std::to_string(named != 0 ? named : ::getpid());
      std::memcpy(address.sun_path + 1, path.data(), path.size());
      const auto length = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + 1 + path.size());
      const bool bound = ::bind(listener, reinterpret_cast<sockaddr*>(&address), length) == 0;
      if (!bound || ::listen(listener, 8) != 0) ::_exit(1);
      [[maybe_unused]] const ssize_t told = ::write(ready[1], "y", 1);
      for (;;) {
        const int connection = ::accept4(listener, nullptr, nullptr, SOCK_CLOEXEC);
        if (connection < 0) continue;
        behave(connection);
        ::close(connection);
      }
    }
    char told = 0;
    ::close(ready[1]);
    if (::read(ready[0], &told, 1) != 1) std::abort();
    ::close(ready[0]);
    return Child(pid);
  }

  Child child_;
};

}  // namespace vmitap::test
