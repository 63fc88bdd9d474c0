// SPDX-License-Identifier: MIT
#pragma once

#include <cstdio>
#include <memory>
#include <string>

#include "base/result.hpp"

namespace vmitap::sink {

// A capture that can be read more than once: a regular file as it is; what comes through a pipe, from a
// temporary file without a name, which goes when this does.
class Rereadable {
 public:
  // "-" is standard input. Errc::io.
  static Result<Rereadable> open(const std::string& path);

  [[nodiscard]] const std::string& path() const noexcept { return path_; }

 private:
  struct Close {
    void operator()(std::FILE* file) const noexcept { std::fclose(file); }
  };
  std::string path_;
  std::unique_ptr<std::FILE, Close> copy_;
};

}  // namespace vmitap::sink
