// SPDX-License-Identifier: MIT
#include "backend/xen/store.hpp"

#include <fmt/format.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <cerrno>
#include <charconv>
#include <cstdlib>
#include <memory>
#include <string_view>
#include <thread>

#include "base/handle.hpp"
#include "base/least_privilege.hpp"

namespace vmitap::backend::xen {
namespace {

constexpr const char* kToken = "vmitap";  // of all watches

struct Free {
  void operator()(void* memory) const noexcept { std::free(memory); }  // NOLINT: the library's malloc
};
template <class T>
using Freed = std::unique_ptr<T, Free>;

// A xenstored that is dead leaves its socket behind. The library would then go through dom0's kernel, which
// waits for that same xenstored without end. 0, or why nobody is heard; no socket is no reason.
int unheard() {
  sockaddr_un address{.sun_family = AF_UNIX, .sun_path = {}};
  const std::string_view path = xs_daemon_socket();
  if (path.size() >= sizeof address.sun_path) return 0;
  path.copy(address.sun_path, path.size());
  const Fd socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!socket) return errno;
  if (::connect(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0) return 0;
  return errno == ENOENT ? 0 : errno;
}

}  // namespace

Result<Store> Store::open() {
  errno = unheard();
  Handle handle(errno == 0 ? xs_open(0) : nullptr);
  if (!handle) {
    return fail({.code = Errc::unsupported,
                 .operation = "xs_open",
                 .subject = "reaching Xen domains from here",
                 .sys = errno,
                 .hint = "run vmitap as root in dom0 of a Xen host, with xenstored running"});
  }
  return Store(std::move(handle));
}

std::optional<std::string> Store::read(const std::string& path) const {
  unsigned size = 0;
  const Freed<void> value(xs_read(handle_.get(), XBT_NULL, path.c_str(), &size));
  if (!value) return std::nullopt;
  return std::string(static_cast<const char*>(value.get()), size);
}

std::optional<std::uint32_t> Store::read_number(const std::string& path) const {
  const auto text = read(path);
  if (!text) return std::nullopt;
  std::uint32_t number = 0;
  const auto [end, error] = std::from_chars(text->data(), text->data() + text->size(), number);
  if (error != std::errc{} || end != text->data() + text->size()) return std::nullopt;
  return number;
}

std::vector<std::string> Store::list(const std::string& path) const {
  unsigned count = 0;
  const Freed<char*> entries(xs_directory(handle_.get(), XBT_NULL, path.c_str(), &count));
  if (!entries) return {};
  return {entries.get(), entries.get() + count};
}

bool Store::answers() const { return read("/").has_value(); }

void Store::unwatch(const std::string& path) noexcept { xs_unwatch(handle_.get(), path.c_str(), kToken); }

Result<void> Store::watch(const std::string& path) {
  // The library starts a thread at the first watch. It is to inherit no capabilities.
  int error = 0;
  std::thread([&] {
    renounce_capabilities();
    if (!xs_watch(handle_.get(), path.c_str(), kToken)) error = errno;
  }).join();
  if (error == 0) return {};
  return fail({.code = Errc::system, .operation = "xs_watch", .subject = path, .sys = error});
}

int Store::fd() const noexcept { return xs_fileno(handle_.get()); }

bool Store::clear_watches() {
  while (true) {
    errno = 0;
    const Freed<char*> fired(xs_check_watch(handle_.get()));
    if (!fired) return errno == EAGAIN;
  }
}

std::string home_of(DomId domain) { return fmt::format("/local/domain/{}", domain.value); }

}  // namespace vmitap::backend::xen
