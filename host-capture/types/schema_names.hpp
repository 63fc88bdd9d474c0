// SPDX-License-Identifier: MIT
// Names of C, C++ and expressions as names of protobuf.
#pragma once

#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>

namespace vmitap::types {

// "pcb->cwnd": "pcb_cwnd", "std::vector<int>": "std_vector_int"; what is an identifier stays as it is.
std::string identifier(std::string_view text);
// "tcp_segment": "TcpSegment".
std::string camel_case(std::string_view identifier);
// What protobuf holds to be equal: names that differ in case and underscores only, as their JSON names
// would be.
std::string folded(std::string_view identifier);

// Gives out each name once; the next of the same gets _2, _3 ….
class UniqueNames {
 public:
  enum class Compare { exactly, folded };
  explicit UniqueNames(Compare compare) : compare_(compare) {}
  std::string take(std::string_view wanted);

 private:
  bool insert(const std::string& name);

  Compare compare_;
  std::unordered_set<std::string> taken_;
  std::unordered_map<std::string, std::size_t> next_;  // number to try for a name
};

}  // namespace vmitap::types
