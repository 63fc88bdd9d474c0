// SPDX-License-Identifier: MIT
#include "backend/xen/channel.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <cstring>
#include <thread>
#include <utility>
#include <vector>

#include "backend/control_request.hpp"

namespace vmitap::backend::xen {
namespace {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

constexpr auto kAttachPatience = 5s;
constexpr auto kLook =
    200us;  // between looks at a mailbox: an answer takes the guest an interrupt and a work item

tl::unexpected<Error> broken(const char* rule) { return fail({.code = Errc::protocol, .subject = rule}); }

vmitap_mailbox& mailbox_in(const GrantedPages& pages) {
  return *std::launder(reinterpret_cast<vmitap_mailbox*>(pages.bytes().data()));
}

// One answer out of the guest's mailbox, copied.
Result<ControlMessage> parse_answer(const vmitap_mailbox& replies) {
  std::vector<std::byte> copy(sizeof replies.message);
  std::memcpy(copy.data(), replies.message, copy.size());
  vmitap_message header;
  std::memcpy(&header, copy.data(), sizeof header);
  if (header.size < sizeof header || header.size > copy.size())
    return broken("an answer is longer than its mailbox");
  return parse_control_message(std::span(copy).first(header.size));
}

}  // namespace

Result<std::unique_ptr<AttachedChannel>> AttachedChannel::attach(DomId domain,
                                                                 const Advertisement& advertised) {
  if (advertised.abi != VMITAP_XEN_ABI_VERSION)
    return fail({.code = Errc::abi_mismatch,
                 .subject = "the guest's vmitap module",
                 .number = advertised.abi,
                 .hint = fmt::format("this vmitap speaks version {}", VMITAP_XEN_ABI_VERSION)});
  auto lock = CaptureLock::take(domain, advertised.channel);
  if (!lock) return fail(std::move(lock.error()));
  auto grants = Grants::open(domain);
  if (!grants) return fail(std::move(grants.error()));
  auto directory = Directory::read(*grants, advertised.directory);
  if (!directory) return fail(std::move(directory.error()));
  auto events = EventChannel::bind(domain, advertised.port);
  if (!events) return fail(std::move(events.error()));
  std::unique_ptr<AttachedChannel> channel(
      new AttachedChannel(std::move(*lock), std::move(*events), std::move(*directory)));

  const Directory::Regions& regions = channel->directory_.regions();
  const auto map = [&](GrantedPages& into, std::span<const GrantRef> refs, Grants::Access access) {
    auto pages = grants->map(refs, access);
    if (pages) into = std::move(*pages);
    return pages ? Result<void>{} : fail(std::move(pages.error()));
  };
  using enum Grants::Access;
  for (const auto& mapped :
       {map(channel->guest_, regions.guest, read), map(channel->host_, regions.host, write),
        map(channel->replies_, regions.replies, read), map(channel->requests_, regions.requests, write)})
    if (!mapped) return fail(mapped.error());
  auto notice = grants->map_with_notice(regions.host.front(), offsetof(vmitap_host_header, present),
                                        channel->events_.local());
  if (!notice) return fail(std::move(notice.error()));
  channel->notice_ = std::move(*notice);
  channel->set_present(true);
  const vmitap_attach hello{VMITAP_CONTROL_ABI_VERSION, 0};
  const std::string body(reinterpret_cast<const char*>(&hello), sizeof hello);
  if (auto said = channel->ask(VMITAP_ATTACH, body, advertised.name, kAttachPatience); !said) {
    Error& error = said.error();
    if (error.code == Errc::already_captured)  // the number is one of the domain's, which says nothing here
      error.hint = fmt::format("process {} in the domain itself captures it: end that first",
                               std::exchange(error.number, std::nullopt).value_or(0));
    return fail(std::move(error));
  }
  return channel;
}

AttachedChannel::~AttachedChannel() {
  if (notice_) set_present(false);
}

// Pairs with the guest module's look at it (guest-trigger/kernel/).
void AttachedChannel::set_present(bool present) noexcept {
  auto* const header = std::launder(reinterpret_cast<vmitap_host_header*>(notice_.bytes().data()));
  std::atomic_ref(header->present).store(present ? 1 : 0, std::memory_order_release);
  events_.notify();
}

Result<void> AttachedChannel::ask(std::uint32_t type, const std::string& body, const std::string& guest,
                                  std::chrono::nanoseconds patience) {
  vmitap_mailbox& requests = mailbox_in(requests_);
  vmitap_mailbox& replies = mailbox_in(replies_);
  const vmitap_message header{type, static_cast<std::uint32_t>(sizeof header + body.size())};
  if (header.size > sizeof requests.message)
    return fail({.code = Errc::too_large, .subject = "a request", .number = sizeof requests.message});
  std::memcpy(requests.message, &header, sizeof header);
  std::memcpy(requests.message + sizeof header, body.data(), body.size());
  const std::uint32_t sequence = requests.sequence + 1;
  // Pairs with the guest's acquire when it looks for requests; its reply's release with our acquire below.
  std::atomic_ref(requests.sequence).store(sequence, std::memory_order_release);
  events_.notify();

  const auto deadline = Clock::now() + patience;
  while (std::atomic_ref(replies.sequence).load(std::memory_order_acquire) != sequence) {
    if (Clock::now() > deadline)
      return fail({.code = Errc::timeout, .subject = "the guest's vmitap module to answer"});
    std::this_thread::sleep_for(kLook);
  }
  const auto answer = parse_answer(replies);
  if (!answer) return fail(answer.error());
  if (const auto* refused = std::get_if<Refused>(&*answer)) return fail(refusal(*refused, guest));
  if (!std::holds_alternative<Done>(*answer)) return broken("ARM or DISARM was answered with something else");
  return {};
}

}  // namespace vmitap::backend::xen
