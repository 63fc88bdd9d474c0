// SPDX-License-Identifier: MIT
// Quantities as a person reads them.
#pragma once

#include <cstdint>
#include <string>

namespace vmitap {

std::string count_text(std::uint64_t count);       // "12,345"
std::string bytes_text(std::uint64_t bytes);       // "812 B", "1.2 MB" (powers of 1000)
std::string duration_text(std::uint64_t ns);       // "850 ns", "12.3 µs", "4.05 ms", "12.3 s", "3 min 20 s"
std::string share_text(double share);              // "0.31 %"
std::string time_text(std::uint64_t realtime_ns);  // "2026-11-23 06:12:01.503 UTC"
std::string plural(std::uint64_t count, const char* one);  // "1 record", "12,345 records"

}  // namespace vmitap
