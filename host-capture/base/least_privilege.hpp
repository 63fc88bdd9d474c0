// SPDX-License-Identifier: MIT
// What a process gives up once it holds all that it needs: capabilities, ways to regain them, system calls.
// docs/threat-model.md tells what that is worth.
#pragma once

#include <span>

#include "base/result.hpp"

namespace vmitap {

// All capabilities of the calling thread, and so of the threads that it starts; for good. Others keep theirs:
// each has to do so itself. 0, or an errno. Async-signal-safe.
int renounce_capabilities() noexcept;

// The process goes on with nothing but SyscallFilter::for_capture(): all its threads, the calling one without
// its capabilities. Errc::access_denied if another thread still has some, unsupported.
Result<void> confine_process(std::span<const unsigned long> ioctls);

}  // namespace vmitap
