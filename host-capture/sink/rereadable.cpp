// SPDX-License-Identifier: MIT
#include "sink/rereadable.hpp"

#include <fmt/format.h>
#include <sys/stat.h>

#include <cerrno>
#include <limits>

#include "sink/input_stream.hpp"

namespace vmitap::sink {

Result<Rereadable> Rereadable::open(const std::string& path) {
  Rereadable result;
  result.path_ = path;
  struct stat status {};
  if (path != "-" && ::stat(path.c_str(), &status) == 0 && S_ISREG(status.st_mode)) return result;

  auto input = InputStream::open(path);
  if (!input) return tl::unexpected(input.error());
  result.copy_.reset(std::tmpfile());
  std::FILE* const copy = result.copy_.get();
  int sys = copy == nullptr ? errno : 0;
  const auto copied = input->skip(std::numeric_limits<std::uint64_t>::max(), [&](auto part) {
    if (sys == 0 && std::fwrite(part.data(), 1, part.size(), copy) != part.size()) sys = errno;
  });
  if (!copied) return tl::unexpected(copied.error());
  if (sys == 0 && std::fflush(copy) != 0) sys = errno;
  if (sys != 0)
    return fail({.code = Errc::io, .operation = "writing", .subject = "temporary file", .sys = sys});
  result.path_ = fmt::format("/proc/self/fd/{}", ::fileno(copy));
  return result;
}

}  // namespace vmitap::sink
