// SPDX-License-Identifier: MIT
// The seam between vmitap and whatever runs the guest. Two implementations, both real: local/
// (another Linux process) and xen/ (a domain). Everything above is the same code for both.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/handle.hpp"
#include "base/ids.hpp"
#include "base/result.hpp"
#include "vmitap/control_abi.h"

namespace vmitap::backend {

struct GuestIdentity {
  std::string backend;            // "local", "xen"
  std::string name;               // what the user may call it by
  std::uint64_t id = 0;           // PID or domid
  std::string address;            // what names this guest and no other: "local:1234", "xen:web"
  std::string program;            // path of the executable, or the domain's kernel
  std::uint64_t captured_by = 0;  // PID of the vmitap that captures it now or VMITAP_HOST_IN_DOM0, 0 if none
};

// "captured by process 1234"
std::string captured_text(const GuestIdentity& guest);

// An ELF object in the guest that holds triggers or marks, with a way to open its file as the guest
// sees it (local: below /proc/PID/root).
struct GuestModule {
  std::uint32_t id = 0;
  std::string path;       // as the guest names it
  std::string host_path;  // as the host opens it; empty where it cannot: then it is looked for by build id
  std::string build_id;   // lower-case hex, of the object that RUNS
  std::uint64_t load_bias = 0;  // relocatable objects: of their section "vmitap_sites" (control_abi.h)
  GuestVirt start, end;
  // No file of the guest's, but what this host itself says of packets (vmitap/packet_abi.h). The descriptors
  // of its triggers are the values of packet_direction.
  bool is_packet_abi = false;
};

// The kernel that runs in the guest: where its own descriptions of itself stand. What is 0 is not known.
struct KernelImage {
  GuestVirt btf;
  std::uint64_t btf_size = 0;
  GuestVirt vmcoreinfo;  // text; names the addresses of kallsyms' tables
  std::uint64_t vmcoreinfo_size = 0;
  GuestVirt per_cpu_offset;  // __per_cpu_offset[cpus], u64 each
  GuestVirt per_cpu_start;
  std::uint32_t cpus = 0;
};

struct GuestSite {
  bool is_trigger = false;
  TriggerId id;              // triggers
  std::uint32_t module = 0;  // GuestModule::id
  GuestVirt descriptor;
  GuestVirt variable;      // marks
  std::uint64_t size = 0;  // marks: the variable's; triggers: the argument struct's
  std::uint32_t line = 0;
  bool per_cpu = false;  // marks: on CPU c the variable stands at variable + __per_cpu_offset[c]
  std::string name;
  bool has_packet = false;  // triggers: fires for a packet, which can be filtered and copied from
  // Triggers: fires in this host, beside the guest. Nobody there waits to be read, and nothing of the guest's
  // memory can be copied by who fires.
  bool fires_in_host = false;
  std::vector<std::string> arguments;  // triggers: as written
};

struct GuestCatalog {
  std::vector<GuestModule> modules;
  std::vector<GuestSite> sites;
  std::optional<KernelImage> kernel;  // of a guest whose kernel can be read
  std::string why_no_kernel = {};     // what is missing, and what to do, where somebody could do something
};

// Shared memory of an attached guest. Both spans live as long as the Guest. All bytes of guest_region
// are the guest's to change at any time.
struct Channel {
  std::span<const std::byte> guest_region;
  std::span<std::byte> host_region;
};

enum class ReadStatus : std::uint8_t {
  ok,
  unreadable,
  no_room,  // this host cannot map more of the guest's pages: it is not the guest's doing, or it has its
            // share
};

struct ReadRequest {
  GuestVirt from;
  std::span<std::byte> into;
  ReadStatus status = ReadStatus::ok;  // out
};

struct ArmRequest {
  TriggerId trigger;
  bool sync = false;
  std::uint32_t sample = 1;
  std::uint32_t sync_timeout_us = 0;
  std::vector<vmitap_fetch> inline_fetches = {};
  std::vector<vmitap_filter_step> filter = {};  // only of a trigger that fires for packets
};

// How ticks of the guest's clock (vmitap_slot_first.tsc) become times of this host.
struct ClockMap {
  // ns of CLOCK_MONOTONIC (Xen: system time) and of CLOCK_REALTIME at a tick.
  [[nodiscard]] std::int64_t monotonic_ns(std::uint64_t ticks) const noexcept;
  [[nodiscard]] std::int64_t realtime_ns(std::uint64_t ticks) const noexcept;

  std::uint64_t base_ticks = 0;
  std::int64_t base_monotonic_ns = 0;
  std::int64_t base_realtime_ns = 0;
  double ns_per_tick = 1.0;
};

// One guest. Thread rule: list(), attach(), arm(), disarm(), give_up(), on_control() from its control thread,
// or from one other before that listens; read(), pause(), unpause() from one snapshot thread; ticks() and
// wake() from any; the rest from the drain thread. Errors: Errc::guest_gone once it went.
class Guest {
 public:
  virtual ~Guest() = default;

  [[nodiscard]] virtual const GuestIdentity& identity() const = 0;
  // What the guest offers to be watched. Needs no attach.
  virtual Result<GuestCatalog> list() = 0;

  // Takes the guest for this host alone: Errc::already_captured if another has it.
  virtual Result<void> attach() = 0;
  [[nodiscard]] virtual Channel channel() const = 0;
  virtual Result<void> arm(const ArmRequest& request) = 0;
  virtual Result<void> disarm(TriggerId trigger) = 0;
  // Lets go of a guest that may be there still: it switches its triggers off without being asked to, and
  // on_control() says `gone`, with `why` as the epitaph.
  virtual void give_up(std::string why) = 0;
  [[nodiscard]] virtual ClockMap clock() const = 0;
  // Now, in ticks of the guest's clock.
  [[nodiscard]] virtual std::uint64_t ticks() const noexcept = 0;

  // Readable when the guest notifies. clear_doorbell() makes it unreadable again.
  [[nodiscard]] virtual int doorbell() const = 0;
  virtual void clear_doorbell() = 0;
  // Makes every store that the guest's producers began before visible to loads after, and the other
  // way round: what stands between "I sleep" and the last look at the rings.
  virtual void fence() = 0;
  // Wakes a producer that waits for vmitap_ring_control.sync_answered of this ring.
  virtual void wake(RingIndex ring) = 0;

  // Readable when the guest has something to say on the control channel or is gone.
  [[nodiscard]] virtual int control() const = 0;
  enum class ControlEvent : std::uint8_t { none, changed, gone };
  virtual ControlEvent on_control() = 0;
  // After `gone`: why, in words ("exited with status 3", "killed by signal 9", "exec'd /bin/true").
  [[nodiscard]] virtual std::string epitaph() const = 0;

  // Copies guest memory; each request says for itself whether it could. Never fails as a whole but
  // for a guest that is gone, when each is unreadable.
  virtual void read(std::span<ReadRequest> requests) noexcept = 0;
  // The same for the control thread, in large pieces: the kernel's types and symbols.
  virtual void read_image(std::span<ReadRequest> requests) noexcept;
  // True where pages have to be found and mapped: then what a pause is to read is read once before it, after
  // rehearse(), so that the same reads in the same order are mere copies in the pause. From the snapshot
  // thread.
  [[nodiscard]] virtual bool reads_ahead() const noexcept { return false; }
  virtual void rehearse() noexcept {}
  // The ioctls that it goes on making once it is attached, if beside them it needs no capability and no more
  // of the kernel than SyscallFilter::for_capture() leaves. Nothing: it needs more.
  [[nodiscard]] virtual std::optional<std::vector<unsigned long>> ioctls() const { return std::nullopt; }
  // Of the last pause, after its end and before the next read: whether all that was read in it is of one
  // moment. A backend ends a pause by itself rather than let a read that does not end keep the guest. From
  // the snapshot thread.
  [[nodiscard]] virtual bool stood_still() const noexcept = 0;
  // False once the guest ended or became another program: what was read since may be another's bytes, so
  // ask after reading. From the snapshot thread.
  [[nodiscard]] virtual bool alive() const noexcept = 0;

 private:
  friend class PauseGuard;
  virtual Result<void> pause() = 0;
  virtual void unpause() noexcept = 0;
};

// Owns one pause of a guest: the one way to pause. Made and destroyed on the same thread.
class PauseGuard {
 public:
  static Result<PauseGuard> pause(Guest& guest);
  PauseGuard(PauseGuard&& other) noexcept;
  PauseGuard& operator=(PauseGuard&&) = delete;
  ~PauseGuard();
  void unpause() noexcept;  // early, once

 private:
  explicit PauseGuard(Guest& guest) noexcept : guest_(&guest) {}
  Guest* guest_;
};

// "local:1234", "local:name", "1234" or "name" (local). The one factory that names backends.
Result<std::unique_ptr<Guest>> open_guest(std::string_view name);

struct Seen {
  GuestIdentity identity;
  std::string problem;        // why it cannot be listed further, empty if it can
  std::size_t not_shown = 0;  // more of the same domain, which says of too many
};
// Every guest that can be seen from here.
std::vector<Seen> seen_guests();

}  // namespace vmitap::backend
