// SPDX-License-Identifier: MIT
#include "backend/control_request.hpp"

#include <fmt/format.h>

#include <string_view>
#include <type_traits>
#include <utility>

namespace vmitap::backend {
namespace {

constexpr std::size_t kModulesMax = 4096;
constexpr std::size_t kSitesMax = 65536;
constexpr std::size_t kTextMax = std::size_t{16} << 20;  // of all sites, as it costs the host

template <class T>
std::string_view bytes_of(const T& value) {
  static_assert(std::is_trivially_copyable_v<T>);
  return {reinterpret_cast<const char*>(&value), sizeof value};
}

auto broken(const char* rule) { return fail({.code = Errc::protocol, .subject = rule}); }

// Arguments of one letter are more than their letters.
std::size_t weight(const GuestSite& site) {
  std::size_t bytes = sizeof site.name + site.name.size();
  for (const std::string& argument : site.arguments) bytes += sizeof argument + argument.size();
  return bytes;
}

}  // namespace

std::string arm_body(const ArmRequest& request) {
  vmitap_arm arm{};
  arm.trigger = request.trigger.value;
  arm.flags = request.sync ? VMITAP_ARM_SYNC : 0;
  arm.sample = request.sample;
  arm.sync_timeout_us = request.sync_timeout_us;
  arm.fetch_count = static_cast<std::uint32_t>(request.inline_fetches.size());
  arm.filter_count = static_cast<std::uint32_t>(request.filter.size());
  std::string body(bytes_of(arm));
  for (const vmitap_fetch& fetch : request.inline_fetches) body += bytes_of(fetch);
  for (const vmitap_filter_step& step : request.filter) body += bytes_of(step);
  return body;
}

std::string disarm_body(TriggerId trigger) {
  vmitap_arm body{};
  body.trigger = trigger.value;
  return std::string(bytes_of(body));
}

Error refusal(const Refused& refused, const std::string& guest) {
  Error error{.code = Errc::protocol, .subject = guest};
  switch (refused.reason) {
    case VMITAP_REFUSED_VERSION:
      error.code = Errc::abi_mismatch;
      error.number = refused.detail;
      return error;
    case VMITAP_REFUSED_CAPTURED:
      error.code = Errc::already_captured;
      if (refused.detail == VMITAP_HOST_IN_DOM0)
        error.hint = "a vmitap in dom0 captures it: end that capture first";
      else
        error.number = refused.detail;
      return error;
    case VMITAP_REFUSED_TRIGGER:
      error.code = Errc::unknown_name;
      error.operation = "the guest knows no such trigger now";
      return error;
    case VMITAP_REFUSED_MEMORY:
      error.code = Errc::system;
      error.operation = "the guest made its shared memory";
      error.sys = static_cast<int>(refused.detail);
      return error;
    case VMITAP_REFUSED_SIZE:
      return {.code = Errc::too_large, .subject = "a record with these values", .number = refused.detail};
    case VMITAP_REFUSED_FILTER:
      return {.code = Errc::unsupported,
              .operation = "the guest's kernel took the filter",
              .subject = "a filter at this trigger",
              .sys = static_cast<int>(refused.detail)};
    case VMITAP_REFUSED_MESSAGE:
      error.subject = "it refused our request as malformed";
      return error;
    default:
      error.subject = fmt::format("it refused our request for an unknown reason ({})", refused.reason);
      return error;
  }
}

Result<bool> CatalogMessages::take(ControlMessage&& message) {
  if (auto* module = std::get_if<GuestModule>(&message)) {
    if (catalog_.modules.size() == kModulesMax) return broken("the guest names too many modules");
    catalog_.modules.push_back(std::move(*module));
  } else if (auto* site = std::get_if<GuestSite>(&message)) {
    if (catalog_.sites.size() == kSitesMax) return broken("the guest names too many sites");
    text_ += weight(*site);
    if (text_ > kTextMax) return broken("the guest says too much of its sites");
    catalog_.sites.push_back(std::move(*site));
  } else if (std::holds_alternative<Listed>(message)) {
    if (auto checked = check_catalog(catalog_); !checked) return fail(std::move(checked.error()));
    return true;
  } else {
    return broken("LIST was answered with something else");
  }
  return false;
}

}  // namespace vmitap::backend
