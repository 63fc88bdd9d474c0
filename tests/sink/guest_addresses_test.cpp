// SPDX-License-Identifier: MIT
#include "sink/guest_addresses.hpp"

#include <arpa/inet.h>
#include <gtest/gtest.h>

#include <array>

namespace vmitap::sink {
namespace {

GuestAddresses::Address address(const std::string& text) {
  std::array<std::byte, 16> bytes{};
  const bool is_six = text.find(':') != std::string::npos;
  EXPECT_EQ(::inet_pton(is_six ? AF_INET6 : AF_INET, text.c_str(), bytes.data()), 1) << text;
  return {bytes.begin(), bytes.begin() + (is_six ? 16 : 4)};
}

std::string names(const GuestAddresses& addresses) {
  std::string text;
  for (const auto& [bytes, guest] : addresses.named()) {
    std::array<char, INET6_ADDRSTRLEN> shown{};
    ::inet_ntop(bytes.size() == 4 ? AF_INET : AF_INET6, bytes.data(), shown.data(), shown.size());
    text += std::string(shown.data()) + "=" + guest + " ";
  }
  return text;
}

TEST(GuestAddresses, AreThoseThatAGuestSendsFrom) {
  GuestAddresses addresses;
  for (const char* one : {"10.77.1.2", "10.77.1.2", "169.254.7.7", "fe80::1", "2001:db8::"})
    addresses.add("web", address(one));
  addresses.add("db", address("10.77.1.3"));
  EXPECT_EQ(names(addresses), "10.77.1.3=db 10.77.1.2=web 2001:db8::=web 169.254.7.7=web fe80::1=web ");
}

TEST(GuestAddresses, AreNotThoseThatAreNobodysOwn) {
  GuestAddresses addresses;
  for (const char* one : {"0.0.0.0", "127.0.0.1", "224.0.0.251", "255.255.255.255", "::", "::1", "ff02::1"})
    addresses.add("web", address(one));
  EXPECT_EQ(names(addresses), "");
}

TEST(GuestAddresses, AreNobodysIfTwoGuestsSendFromThem) {
  GuestAddresses addresses;
  addresses.add("liar", address("10.77.1.2"));
  addresses.add("liar", address("10.77.1.9"));
  addresses.add("web", address("10.77.1.2"));
  EXPECT_EQ(names(addresses), "10.77.1.9=liar ");
}

TEST(GuestAddresses, AreNotThoseOfOneThatForwardsForMany) {
  GuestAddresses addresses;
  for (int i = 0; i < 1000; ++i)
    addresses.add("router", address("10." + std::to_string(i / 250) + ".1." + std::to_string(i % 250)));
  for (int i = 0; i < 16; ++i) addresses.add("web", address("10.77.1." + std::to_string(i)));
  EXPECT_EQ(addresses.named().size(), 16u);
  EXPECT_EQ(names(addresses).find("router"), std::string::npos);
}

}  // namespace
}  // namespace vmitap::sink
