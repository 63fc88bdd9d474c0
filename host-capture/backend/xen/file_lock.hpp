// SPDX-License-Identifier: MIT
// Locks that tell that the owner of a file lives: of the open file description (fcntl(2)), so that a child
// keeps them, and so that who only asks does not take them, which would get in the way of who wants to.
#pragma once

namespace vmitap::backend::xen {

// For as long as the description is open anywhere; opened for writing. False: another has it, or errno tells.
bool lock_file(int fd) noexcept;
// By another description. However it was opened.
bool is_locked(int fd) noexcept;

}  // namespace vmitap::backend::xen
