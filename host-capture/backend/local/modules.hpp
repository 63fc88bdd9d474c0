// SPDX-License-Identifier: MIT
// Where the host finds the file of an ELF object that a guest runs, and which build it is.
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>

#include "backend/local/memory_reader.hpp"

namespace vmitap::backend::local {

// Sets host_path and build_id. The path is the agent's word, so it is compared with what the kernel has
// mapped at module.start; a file that was deleted or replaced is reached through the mapping itself.
// The build id is read from the notes in the guest's memory. That too is the guest's to change, but not
// the agent's to get wrong; if it cannot be read there, the agent's word stays.
void complete_module(pid_t pid, MemoryReader& memory, GuestModule& module);

// The GNU build id of the ELF object mapped at `start`, in lower-case hex.
std::optional<std::string> build_id_in_memory(MemoryReader& memory, GuestVirt start);

}  // namespace vmitap::backend::local
