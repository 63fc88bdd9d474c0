// SPDX-License-Identifier: MIT
// Errors as a person sees them: what happened, then what to do, on stderr.
#pragma once

#include <string_view>

#include "base/result.hpp"
#include "cli/command.hpp"

namespace vmitap::cli {

// Both return what they were given to return, so that a command can `return report(...)`.
Exit report(const Error& error, Exit exit = Exit::failed);
Exit report(std::string_view what, std::string_view remedy, Exit exit = Exit::failed);

// Of reading a capture: a name that is unknown is to be looked for in the file.
Exit report_of_file(const Error& error);

// Something went other than asked, but the command goes on.
void warn(std::string_view what, std::string_view remedy);

}  // namespace vmitap::cli
