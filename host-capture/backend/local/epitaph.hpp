// SPDX-License-Identifier: MIT
// How a guest ended.
#pragma once

#include <sys/types.h>

#include <string>

#include "backend/local/proc.hpp"

namespace vmitap::backend::local {

// Why the control channel of this process closed, or what its pidfd reports: "exited with status 3",
// "killed by signal 9 (Killed)", "exec'd /bin/true", "closed its control channel and runs on". Waits
// up to a quarter of a second for a process that is about to end.
std::string epitaph(pid_t pid, int pidfd, const ProgramImage& before);

}  // namespace vmitap::backend::local
