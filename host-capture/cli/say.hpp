// SPDX-License-Identifier: MIT
// What a person reads beside the output. What cannot be said is not said: a log on a full disk costs no
// capture.
#pragma once

#include <fmt/format.h>

#include <cstdio>
#include <exception>
#include <string>
#include <utility>

namespace vmitap::cli {

// To stderr. Any thread.
template <class... Args>
void say(fmt::format_string<Args...> text, Args&&... args) noexcept {
  try {
    const std::string words = fmt::format(text, std::forward<Args>(args)...);
    [[maybe_unused]] const auto ignored = std::fwrite(words.data(), 1, words.size(), stderr);
  } catch (const std::exception&) {
  }
}

}  // namespace vmitap::cli
