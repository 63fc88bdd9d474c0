// SPDX-License-Identifier: MIT
#include "backend/xen/mapping_share.hpp"

#include <algorithm>
#include <fstream>

namespace vmitap::backend::xen {
namespace {

std::size_t may_map() {
  std::size_t most = 65530;  // as Linux has it where nobody set it
  std::size_t set = 0;
  if (std::ifstream("/proc/sys/vm/max_map_count") >> set) most = set;
  return most;
}

}  // namespace

std::size_t frames_for_each(std::size_t may_map, std::size_t guests) noexcept {
  const std::size_t each = (may_map - may_map / 4) / std::max<std::size_t>(guests, 1);
  return std::clamp(each, kRecordFramesLeast + kImageFrames, kRecordFramesMost + kImageFrames) - kImageFrames;
}

MappingShare MappingShare::of_records() {
  static const auto all = std::make_shared<const std::size_t>(may_map());
  return MappingShare(all);
}

std::size_t MappingShare::size() const noexcept {
  if (!may_map_) return kImageFrames;
  return frames_for_each(*may_map_, static_cast<std::size_t>(may_map_.use_count()) - 1);
}

}  // namespace vmitap::backend::xen
