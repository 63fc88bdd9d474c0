// SPDX-License-Identifier: MIT
// Handles of Xen's libraries: closed once, by the function that the library has for it.
#pragma once

#include <memory>

namespace vmitap::backend::xen {

template <auto Close>
struct Closer {
  template <class Handle>
  void operator()(Handle* handle) const noexcept {
    Close(handle);
  }
};

template <class Handle, auto Close>
using LibraryHandle = std::unique_ptr<Handle, Closer<Close>>;

}  // namespace vmitap::backend::xen
