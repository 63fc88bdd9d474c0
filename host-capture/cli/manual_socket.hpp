// SPDX-License-Identifier: MIT
// How `vmitap trigger` reaches the capture that runs on a guest: one packet there, one back, over the
// abstract SOCK_SEQPACKET address "\0vmitap/capture/ADDRESS", as in GuestIdentity. Root and the user of the
// capture may ask, told by SO_PEERCRED (unix(7)).
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string_view>

#include "base/handle.hpp"
#include "base/result.hpp"

namespace vmitap::cli {

// The capture's end. Move-only.
class ManualSocket {
 public:
  // Errc::system, also if the address is taken (EADDRINUSE).
  static Result<ManualSocket> listen(std::string_view guest);

  [[nodiscard]] int fd() const noexcept { return fd_.get(); }
  // When fd() is readable: takes one request and answers with what `fire` returns. A peer that may not
  // ask, or says something else, is hung up on.
  void serve(const std::function<std::size_t()>& fire);

 private:
  explicit ManualSocket(Fd fd) noexcept : fd_(std::move(fd)) {}
  Fd fd_;
};

// A capture runs on the guest, and its triggers are on.
bool capture_listens(std::string_view guest);

// Asks the capture on the guest; returns how many rules fired. Errc::no_such_guest if none listens,
// access_denied, timeout, protocol.
Result<std::size_t> fire_by_socket(std::string_view guest);

}  // namespace vmitap::cli
