// SPDX-License-Identifier: MIT
// What C++ adds to dwarf_subject.h. Also compiled into dwarf_cxx_test.cpp, whose compiler is the oracle.
#pragma once

#include <cstddef>
#include <cstdint>

namespace ns {

enum class Level : unsigned char { low, high = 200 };
enum class Signed : std::int16_t { minus = -1 };

struct Empty {};

struct Base {
  virtual ~Base() = default;
  int base_value = 0;
  static int shared;
};

struct Second {
  char second_value = 0;
};

struct Shared {
  long shared_value = 0;
};

struct Derived : Base, Second, Empty {
  short derived_value = 0;
  static constexpr int kConstant = 5;
  Level level{};
  Signed signed_level{};
};

struct Diamond : Derived, virtual Shared {
  int diamond_value = 0;
};

class Outer {
 public:
  struct Inner {
    int x;
    struct Deepest {
      char y;
    } deepest;
  };
  struct Later;
  enum Color { red, green = 7 };

  explicit Outer(int& target) : reference(target), moved(static_cast<int&&>(target)), flag(false), count(0) {}
  Inner inner{};
  Color color{};
  Later* later = nullptr;
  int& reference;
  int&& moved;
  int Derived::*data_member = nullptr;
  int (Outer::*function_member)(int) const = nullptr;
  std::nullptr_t nothing = nullptr;
  char16_t utf16 = 0;
  char32_t utf32 = 0;
  bool flag : 1;
  unsigned count : 7;
};

struct Outer::Later {
  int late;
};

template <class T, int N>
struct Box {
  T value;
  T values[static_cast<std::size_t>(N)];
};

}  // namespace ns

namespace {
struct Hidden {
  int hidden;
};
}  // namespace
