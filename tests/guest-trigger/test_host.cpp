// SPDX-License-Identifier: MIT
#include "test_host.hpp"

#include <linux/futex.h>
#include <linux/membarrier.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <climits>
#include <stdexcept>

namespace vmitap::test {

namespace {

constexpr int kPatienceMs = 30000;
using Clock = std::chrono::steady_clock;

int connect_to(pid_t pid) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  const std::string name = VMITAP_LOCAL_SOCKET_PREFIX + std::to_string(pid);
  name.copy(address.sun_path + 1, sizeof address.sun_path - 1);
  const auto size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + 1 + name.size());
  for (const auto end = Clock::now() + std::chrono::milliseconds(kPatienceMs); Clock::now() < end;
       usleep(1000)) {
    const int fd = ::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
    if (connect(fd, reinterpret_cast<const sockaddr*>(&address), size) == 0) return fd;
    close(fd);
  }
  throw std::runtime_error("no guest at " + name);
}

std::vector<std::string> split(const std::byte* text, std::size_t size) {
  std::vector<std::string> words(1);
  for (std::size_t i = 0; i < size; ++i) {
    if (text[i] == std::byte{}) {
      words.emplace_back();
    } else {
      words.back().push_back(static_cast<char>(text[i]));
    }
  }
  return words;
}

std::span<std::byte> map(int fd, int protection) {
  struct stat status {};
  fstat(fd, &status);
  const auto size = static_cast<std::size_t>(status.st_size);
  void* const region = mmap(nullptr, size, protection, MAP_SHARED, fd, 0);
  if (region == MAP_FAILED) throw std::runtime_error("mmap");
  return {static_cast<std::byte*>(region), size};
}

}  // namespace

TestHost::TestHost(pid_t pid) : pid_(pid), socket_(connect_to(pid)) {
  const Message message = receive();
  if (message.type != VMITAP_WELCOME || message.body.size() != sizeof welcome_)
    throw std::runtime_error("not welcome");
  welcome_ = message.as<vmitap_welcome>();
}

TestHost::~TestHost() { detach(); }

void TestHost::detach() {
  consumer_.reset();
  if (!guest_.empty()) munmap(const_cast<std::byte*>(guest_.data()), guest_.size());
  if (!host_.empty()) munmap(host_.data(), host_.size());
  guest_ = {};
  host_ = {};
  for (int* fd : {&guest_memory_, &host_memory_, &doorbell_, &socket_}) {
    if (*fd >= 0) close(*fd);
    *fd = -1;
  }
}

void TestHost::send_raw(std::span<const std::byte> bytes) const {
  if (::send(socket_, bytes.data(), bytes.size(), MSG_NOSIGNAL) != static_cast<ssize_t>(bytes.size()))
    throw std::runtime_error("send");
}

void TestHost::send(std::uint32_t type, const void* body, std::size_t size) const {
  const vmitap_message header{type, static_cast<std::uint32_t>(sizeof header + size)};
  std::vector<std::byte> bytes(sizeof header + size);
  std::memcpy(bytes.data(), &header, sizeof header);
  if (size > 0) std::memcpy(bytes.data() + sizeof header, body, size);
  send_raw(bytes);
}

Message TestHost::receive() const {
  Message message;
  pollfd waiting{socket_, POLLIN, 0};
  if (poll(&waiting, 1, kPatienceMs) <= 0) return message;
  std::vector<std::byte> bytes(VMITAP_MESSAGE_MAX);
  iovec part{bytes.data(), bytes.size()};
  alignas(cmsghdr) std::array<char, CMSG_SPACE(8 * sizeof(int))> control{};
  msghdr packet{};
  packet.msg_iov = &part;
  packet.msg_iovlen = 1;
  packet.msg_control = control.data();
  packet.msg_controllen = control.size();
  const ssize_t size = recvmsg(socket_, &packet, MSG_CMSG_CLOEXEC);
  vmitap_message header{};
  if (size < static_cast<ssize_t>(sizeof header)) return message;
  std::memcpy(&header, bytes.data(), sizeof header);
  if (header.size != static_cast<std::size_t>(size))
    throw std::runtime_error("a message lies about its size");
  message.type = header.type;
  message.body.assign(bytes.begin() + sizeof header, bytes.begin() + size);
  for (cmsghdr* part_of = CMSG_FIRSTHDR(&packet); part_of != nullptr;
       part_of = CMSG_NXTHDR(&packet, part_of)) {
    message.descriptors.resize((part_of->cmsg_len - CMSG_LEN(0)) / sizeof(int));
    std::memcpy(message.descriptors.data(), CMSG_DATA(part_of), message.descriptors.size() * sizeof(int));
  }
  return message;
}

Message TestHost::ask(std::uint32_t type, const void* body, std::size_t size) const {
  send(type, body, size);
  Message message = receive();
  while (message.type == VMITAP_CHANGED) message = receive();
  return message;
}

const Catalog& TestHost::list() {
  catalog_ = {};
  for (Message message = ask(VMITAP_LIST); message.type != VMITAP_LISTED; message = receive()) {
    if (message.type == 0) throw std::runtime_error("the list breaks off");
    const auto* const tail = message.body.data();
    if (message.type == VMITAP_MODULE) {
      const auto words = split(tail + sizeof(vmitap_module), message.body.size() - sizeof(vmitap_module));
      catalog_.modules.emplace_back(message.as<vmitap_module>(), words[0]);
    } else {
      Site site{message.as<vmitap_site>(),
                split(tail + sizeof(vmitap_site), message.body.size() - sizeof(vmitap_site))};
      auto& sites = message.type == VMITAP_TRIGGER_SITE ? catalog_.triggers : catalog_.marks;
      sites[site.words[0]] = site;
    }
  }
  return catalog_;
}

std::uint32_t TestHost::attach() {
  const vmitap_attach request{VMITAP_CONTROL_ABI_VERSION, 0};
  const Message message = ask(VMITAP_ATTACH, &request, sizeof request);
  if (message.type == VMITAP_REFUSED) return message.as<vmitap_refused>().reason;
  if (message.type != VMITAP_ATTACHED || message.descriptors.size() != 3)
    throw std::runtime_error("not attached");
  guest_memory_ = message.descriptors[0];
  host_memory_ = message.descriptors[1];
  doorbell_ = message.descriptors[2];
  guest_ = map(guest_memory_, PROT_READ);
  host_ = map(host_memory_, PROT_READ | PROT_WRITE);
  auto opened = ring::Consumer::open(guest_, host_);
  if (!std::holds_alternative<ring::Consumer>(opened)) throw std::runtime_error("the rings cannot be opened");
  consumer_.emplace(std::move(std::get<ring::Consumer>(opened)));
  list();
  return 0;
}

std::uint32_t TestHost::arm(const Arm& request) const {
  const auto found = catalog_.triggers.find(request.trigger);
  if (found == catalog_.triggers.end()) throw std::runtime_error("no trigger " + request.trigger);
  vmitap_arm head{};
  head.trigger = found->second.wire.id;
  head.flags = request.sync ? VMITAP_ARM_SYNC : 0;
  head.sample = request.sample;
  head.sync_timeout_us = request.sync_timeout_us;
  head.fetch_count = static_cast<std::uint32_t>(request.fetches.size());
  std::vector<std::byte> body(sizeof head + request.fetches.size() * sizeof(vmitap_fetch));
  std::memcpy(body.data(), &head, sizeof head);
  if (!request.fetches.empty())
    std::memcpy(body.data() + sizeof head, request.fetches.data(), body.size() - sizeof head);
  const Message message = ask(VMITAP_ARM, body.data(), body.size());
  return message.type == VMITAP_DONE ? 0 : message.as<vmitap_refused>().reason;
}

std::uint32_t TestHost::disarm(const std::string& trigger) const {
  vmitap_arm body{};
  body.trigger = catalog_.triggers.at(trigger).wire.id;
  const Message message = ask(VMITAP_DISARM, &body, sizeof body);
  return message.type == VMITAP_DONE ? 0 : message.as<vmitap_refused>().reason;
}

std::vector<Seen> TestHost::drain() {
  std::vector<Seen> result;
  const auto take = [&result](const ring::Record& record) {
    result.push_back({record.ring,
                      record.owner,
                      record.trigger,
                      record.lost,
                      record.flags,
                      record.position,
                      record.tsc,
                      {record.payload.begin(), record.payload.end()}});
  };
  // What stands in the rings at the call, as full as they may be: threads that fire without end may be
  // faster than we are.
  while (result.size() < consumer_->capacity() && consumer_->drain(1024, take) > 0) {
  }
  return result;
}

void TestHost::sleep() {
  consumer_->prepare_sleep();
  syscall(SYS_membarrier, MEMBARRIER_CMD_GLOBAL_EXPEDITED, 0, 0);
  if (!consumer_->pending()) {
    pollfd waiting{doorbell_, POLLIN, 0};
    poll(&waiting, 1, 100);
    std::uint64_t count = 0;
    if (waiting.revents != 0 && read(doorbell_, &count, sizeof count) < 0)
      throw std::runtime_error("doorbell");
  }
  consumer_->cancel_sleep();
}

std::vector<Seen> TestHost::drain_until(const std::function<bool(const std::vector<Seen>&)>& enough) {
  std::vector<Seen> result;
  const auto end = Clock::now() + std::chrono::milliseconds(kPatienceMs);
  while (!enough(result) && Clock::now() < end) {
    std::vector<Seen> more = drain();
    if (more.empty()) sleep();
    result.insert(result.end(), std::make_move_iterator(more.begin()), std::make_move_iterator(more.end()));
  }
  return result;
}

std::uint64_t TestHost::losses(bool ringless) {
  consumer_->take_losses(losses_);
  std::uint64_t sum = 0;
  for (const auto& loss : losses_)
    if (loss.ringless == ringless) sum += loss.count;
  return sum;
}

bool TestHost::read_guest(std::uint64_t address, void* into, std::size_t size) const {
  iovec local{into, size};
  iovec remote{reinterpret_cast<void*>(address), size};
  return process_vm_readv(pid_, &local, 1, &remote, 1, 0) == static_cast<ssize_t>(size);
}

void TestHost::answer(const Seen& record) {
  consumer_->answer_sync(record.ring, record.position + 1);
  if (!consumer_->needs_wake(record.ring)) return;
  auto* const controls = reinterpret_cast<vmitap_ring_control*>(host_.data() + VMITAP_PAGE_SIZE);
  syscall(SYS_futex, &controls[record.ring].sync_answered, FUTEX_WAKE, INT_MAX, nullptr, nullptr, 0);
}

namespace {
vmitap_fetch fetch(std::uint8_t base, std::uint64_t origin, std::uint32_t size,
                   const std::vector<std::int64_t>& hops) {
  vmitap_fetch result{};
  result.base = base;
  result.hops = static_cast<std::uint8_t>(hops.size());
  result.size = size;
  result.origin = origin;
  std::copy_n(hops.begin(), std::min<std::size_t>(hops.size(), VMITAP_FETCH_HOPS_MAX), result.add);
  return result;
}
}  // namespace

vmitap_fetch at_address(std::uint64_t address, std::uint32_t size, const std::vector<std::int64_t>& hops) {
  return fetch(VMITAP_FETCH_ADDRESS, address, size, hops);
}

vmitap_fetch at_argument(std::uint64_t offset, std::uint32_t size, const std::vector<std::int64_t>& hops) {
  return fetch(VMITAP_FETCH_ARGUMENT, offset, size, hops);
}

}  // namespace vmitap::test
