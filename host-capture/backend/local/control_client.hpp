// SPDX-License-Identifier: MIT
// The conversation with a guest's agent (control_abi.h) over its SOCK_SEQPACKET socket. Every wait is
// bounded, every packet checked; descriptors that were not asked for are closed.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "backend/control_message.hpp"
#include "base/handle.hpp"

namespace vmitap::backend::local {

using Deadline = std::chrono::steady_clock::time_point;

// A process that holds an agent's address. Nothing was said yet.
struct Peer {
  Fd socket;  // non-blocking
  Fd pidfd;
  pid_t pid = 0;  // as the kernel says it, in our PID namespace; 0 if the process is not visible from here
  uid_t uid = 0;
};

// Connects to the address that a guest takes whose own idea of its PID is `named`.
// Errors: Errc::not_instrumented if nobody listens there; timeout if its queue is full; system.
Result<Peer> connect_peer(pid_t named);

// One thread at a time.
class ControlClient {
 public:
  ControlClient() = default;
  ControlClient(Fd socket, std::string subject) : socket_(std::move(socket)), subject_(std::move(subject)) {}

  [[nodiscard]] int socket() const noexcept { return socket_.get(); }

  // The first thing the agent says.
  Result<Welcome> welcome(Deadline deadline);
  // host_path is left empty.
  Result<GuestCatalog> list(Deadline deadline);
  // Guest region, host region, doorbell: as they came, unchecked.
  Result<std::vector<Fd>> attach(Deadline deadline);
  // At most VMITAP_FETCH_MAX fetches.
  Result<void> arm(const ArmRequest& request, Deadline deadline);
  Result<void> disarm(TriggerId trigger, Deadline deadline);

  // True if the last request failed as the agent declined it: the session goes on.
  [[nodiscard]] bool refused() const noexcept { return refused_; }

  // Takes what came unasked. True if the catalog changed. An error (guest_gone, protocol) ends the session.
  Result<bool> poll_unasked();
  // True once: a CHANGED came while an answer was waited for.
  bool take_changed() noexcept;

 private:
  struct Received {
    ControlMessage message;
    std::vector<Fd> descriptors;
  };

  Result<void> send(std::uint32_t type, std::string_view body, Deadline deadline);
  Result<Received> receive(Deadline deadline);         // any message
  Result<Received> receive_answer(Deadline deadline);  // but CHANGED, which is noted
  Result<std::optional<Received>> receive_now();       // nothing if nothing is there
  Result<void> expect_done(Deadline deadline);
  Result<void> wait_for(short events, Deadline deadline);
  Error refusal(const Refused& refused);
  Error with_subject(Errc code, const char* operation, int sys = 0) const;

  Fd socket_;
  std::string subject_;  // the guest, for errors
  bool changed_ = false;
  bool refused_ = false;
};

}  // namespace vmitap::backend::local
