// SPDX-License-Identifier: MIT
#include "sink/decompress.hpp"

#include <zstd.h>

#include <algorithm>
#include <memory>

namespace vmitap::sink {
namespace {

struct ContextEnd {
  void operator()(ZSTD_DCtx* context) const noexcept { ZSTD_freeDCtx(context); }
};

}  // namespace

bool decompress_zstd(std::span<const std::byte> frames, std::uint64_t size, std::vector<std::byte>& out) {
  const std::unique_ptr<ZSTD_DCtx, ContextEnd> context(ZSTD_createDCtx());
  if (!context) return false;
  ZSTD_inBuffer in{frames.data(), frames.size(), 0};
  std::size_t done = 0;
  std::size_t wanted = 1;  // 0 once a frame has ended
  out.clear();
  while (in.pos < in.size || wanted > 0) {
    if (done == out.size())
      out.resize(
          static_cast<std::size_t>(std::min<std::uint64_t>(size, std::max(done * 2, frames.size() * 4))));
    const std::size_t before = in.pos;
    ZSTD_outBuffer to{out.data(), out.size(), done};
    wanted = ZSTD_decompressStream(context.get(), &to, &in);
    if (ZSTD_isError(wanted) != 0) return false;
    if (in.pos == before && to.pos == done) break;  // cut off, or more than `size`
    done = to.pos;
  }
  return in.pos == in.size && wanted == 0 && done == size && out.size() == size;
}

}  // namespace vmitap::sink
