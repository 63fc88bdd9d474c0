// SPDX-License-Identifier: MIT
// Which processes are guests, and how a person may name them.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "backend/local/control_client.hpp"

namespace vmitap::backend::local {

// A guest that was found and said WELCOME.
struct Found {
  Peer peer;  // its socket has moved to the client
  ControlClient client;
  GuestIdentity identity;
};

// Every process that has an agent's address (/proc/net/unix of our network namespace).
std::vector<Seen> seen_guests();

// `name`: a PID or a guest's name. Errors: no_such_guest, ambiguous_name, not_instrumented, access_denied,
// abi_mismatch, timeout, protocol.
Result<Found> find_guest(std::string_view name);

// What keeps a guest from answering, as far as its state tells; empty if nothing is seen.
std::string why_silent(pid_t pid);

}  // namespace vmitap::backend::local
