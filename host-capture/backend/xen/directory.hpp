// SPDX-License-Identifier: MIT
// A channel's directory (xen_abi.h): which pages a domain granted for what. Copied, then checked: the domain
// may write anything there at any time.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "backend/guest.hpp"
#include "backend/xen/grants.hpp"
#include "backend/xen/page_walk.hpp"
#include "backend/xen/store.hpp"
#include "base/ids.hpp"
#include "base/result.hpp"
#include "vmitap/xen_abi.h"

namespace vmitap::backend::xen {

// What a domain says of a channel in xenstore.
struct Advertisement {
  std::string channel;  // its key: "kernel" or a PID
  std::string name;     // printable
  std::uint32_t abi = 0;
  GrantRef directory;
  EvtchnPort port;

  // Nothing if the keys are not all there, or are no numbers.
  static std::optional<Advertisement> read(const Store& store, DomId domain, const std::string& channel);
  // Of a program: its PID.
  static bool is_program(std::string_view channel);
  // Where its keys stand.
  static std::string path(DomId domain, const std::string& channel);
};

// Of a domain, as many as one may have, and how many more there are.
struct Advertisements {
  static Advertisements read(const Store& store, DomId domain);
  std::vector<Advertisement> found;
  std::size_t more = 0;
};

class Directory {
 public:
  // Errc::abi_mismatch with the version it speaks; protocol with the rule that it breaks.
  static Result<Directory> read(Grants& grants, GrantRef first);

  struct Regions {
    std::vector<GrantRef> guest, host, catalog, replies, requests;
  };
  [[nodiscard]] const Regions& regions() const noexcept { return regions_; }
  [[nodiscard]] const vmitap_directory& header() const noexcept { return header_; }  // as copied
  [[nodiscard]] KernelImage kernel() const noexcept;
  // Of the kernel, or of the program whose channel it is.
  [[nodiscard]] AddressSpace space() const noexcept;

  // The channel went: its module, or the program, is no more, or about to be no more.
  [[nodiscard]] bool is_retired() const noexcept;
  // As it stands now. Nothing if the domain writes it without end.
  [[nodiscard]] std::optional<vmitap_clock_sample> clock() const noexcept;
  [[nodiscard]] std::uint32_t catalog_version() const noexcept;
  [[nodiscard]] std::uint64_t catalog_size() const noexcept;

 private:
  [[nodiscard]] vmitap_directory& shared() const noexcept;

  GrantedPages page_;
  vmitap_directory header_{};
  Regions regions_;
};

}  // namespace vmitap::backend::xen
