// SPDX-License-Identifier: MIT
// What VMITAP_MARK and VMITAP_TRIGGER promise to C++.
#include "macros.h"

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <type_traits>
#include <vector>

#include "recorder.h"
#include "vmitap/mark.h"

struct Point {
  int x;
  unsigned flag : 3;
  volatile unsigned hot_flag : 2;
  char name[5];
};
struct __attribute__((packed)) Packed {
  char c;
  int x;
};
enum class Color : char { red, green };

int global;
static Point table[4];
static std::string text;  // names that the descriptors use themselves
static unsigned site;
inline int inline_variable;
namespace outer {
int in_namespace;
VMITAP_MARK(in_namespace);
namespace {
struct Anonymous {
  int z;
} anonymous;
VMITAP_MARK(anonymous);
}  // namespace
}  // namespace outer
struct Widget {
  static int count;
  static const int kLimit = 5;  // has no definition, so nothing may take its address
  int x = 1;
  int field : 3;

  int get() const { return x; }
  void member() {
    VMITAP_TRIGGER(member, this->x, field, get(), *this, kLimit, this);
    const auto lambda = [&, this](auto value) { VMITAP_TRIGGER(lambda, value, x, this->x); };
    lambda(3);
    lambda("s");
  }
  virtual ~Widget() = default;
};
int Widget::count;
VMITAP_MARK(outer::in_namespace);
VMITAP_MARK(Widget::count);
VMITAP_MARK(global);
VMITAP_MARK(table);
VMITAP_MARK(table[3].name);
VMITAP_MARK(text);
VMITAP_MARK(site);
VMITAP_MARK(inline_variable);
// clang-format off
VMITAP_MARK_AS(second, table[1]); VMITAP_MARK_AS(third, table[2]);
// clang-format on

inline int with_static(int x) {
  static int seen;
  VMITAP_MARK(seen);
  EXPECT(mark_address("seen") == &seen);
  return x;
}

template <class Value>
void templated(const Value& value) {
  static Value last;
  VMITAP_MARK_AS(last_of_template, last);
  VMITAP_TRIGGER(templated, value, sizeof(Value));
}

template <class Value>
Value nth(const char* name, std::size_t offset) {
  Value value;
  std::memcpy(&value, static_cast<const char*>(fired_args(name)) + offset, sizeof value);
  return value;
}

static void marks() {
  EXPECT(mark_address("global") == &global);
  EXPECT(mark_address("in_namespace") == &outer::in_namespace);
  EXPECT(mark_address("outer::in_namespace") == &outer::in_namespace);
  EXPECT(mark_address("anonymous") == &outer::anonymous);
  EXPECT(mark_address("Widget::count") == &Widget::count);
  EXPECT(mark_address("table") == &table && mark_size("table") == sizeof table);
  EXPECT(mark_address("table[3].name") == &table[3].name && mark_size("table[3].name") == 5);
  EXPECT(mark_address("text") == &text && mark_size("text") == sizeof text);
  EXPECT(mark_address("site") == &site);
  EXPECT(mark_address("inline_variable") == &inline_variable);
  EXPECT(mark_address("second") == &table[1] && mark_address("third") == &table[2]);
  EXPECT(mark_count("hidden_here") == 1);
  EXPECT(with_static(1) == 1);
  EXPECT(mark_count("last_of_template") == 2);
}

static void types(int& reference, char** pointers) {
  char word[7] = "hello";
  Point p{1, 2, 1, "abc"};
  Packed packed{'a', 77};
  const Point* pp = &p;
  const std::string s("a string that is not short enough to stand in the object");
  Color color = Color::green;
  int matrix[2][3] = {{1, 2, 3}, {4, 5, 6}};
  const volatile long cv = 12;
  struct Got {
    char word[7];
    Point p;
    const Point* pp;
    alignas(std::string) char s[sizeof(std::string)];
    int packed;
    int reference;
    Color color;
    int matrix[2][3];
    long cv;
    char literal[4];
    int error;
    decltype(nullptr) null;
    unsigned flag, hot_flag;
    char** pointers;
    int (*function)(int);
  };

  errno = EBADF;
  VMITAP_TRIGGER(types, word, p, pp, s, packed.x, reference, color, matrix, cv, "lit", errno, nullptr, p.flag,
                 p.hot_flag, pointers, other_unit);
  EXPECT(fired_count("types") == 1);
  EXPECT(fired_size("types") == sizeof(Got));
  const auto got = nth<Got>("types", 0);
  EXPECT(std::strcmp(got.word, "hello") == 0);
  EXPECT(got.p.x == 1 && got.p.flag == 2 && std::strcmp(got.p.name, "abc") == 0 && got.pp == &p);
  EXPECT(std::memcmp(got.s, &s, sizeof s) == 0);
  EXPECT(got.packed == 77 && got.reference == reference && got.color == Color::green);
  EXPECT(std::memcmp(got.matrix, matrix, sizeof matrix) == 0);
  EXPECT(got.cv == 12 && std::strcmp(got.literal, "lit") == 0 && got.error == EBADF);
  EXPECT(got.flag == 2 && got.hot_flag == 1 && got.pointers == pointers && got.function == &other_unit);
  EXPECT(std::strcmp(argument_text("types", 11), "errno") == 0);
  EXPECT(std::strcmp(argument_text("types", 12), "nullptr") == 0);

  VMITAP_TRIGGER(values, std::string("temporary").size(), (std::is_same_v<int, int>), Widget::kLimit, 'x',
                 std::vector<int>(3));
  EXPECT(nth<std::size_t>("values", 0) == 9);
  EXPECT(nth<bool>("values", 8));
  EXPECT(nth<int>("values", 12) == 5);
  EXPECT(nth<char>("values", 16) == 'x');
  EXPECT(fired_size("values") == 24 + sizeof(std::vector<int>));
}

static void counts() {
  unsigned evaluated = 0;
  VMITAP_TRIGGER(none);
  EXPECT(fired_count("none") == 1 && fired_size("none") == 0);
  VMITAP_TRIGGER(sixteen, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16);
  EXPECT(fired_size("sixteen") == 16 * sizeof(int));
  for (unsigned i = 0; i < 16; ++i) EXPECT(nth<unsigned>("sixteen", i * sizeof i) == i + 1);
  VMITAP_TRIGGER(once, evaluated++);
  EXPECT(evaluated == 1);
  disarm("unarmed");
  VMITAP_TRIGGER(unarmed, evaluated++);
  EXPECT(evaluated == 1 && fired_count("unarmed") == 0);
}

static void places(int yes) {
  for (int i = 0; i < 3; ++i) VMITAP_TRIGGER(loop, i);
  EXPECT(fired_count("loop") == 3 && nth<int>("loop", 0) == 2);
  if (yes != 0)
    VMITAP_TRIGGER(then);
  else
    VMITAP_TRIGGER(otherwise);
  EXPECT(fired_count("then") == 1);
  EXPECT(in_header(5) == 5 && other_unit(6) == 6);
  EXPECT(fired_count("in_header") == 2 && trigger_count("in_header") == 1);

  Widget widget;
  widget.field = 2;
  widget.member();
  EXPECT(nth<int>("member", 0) == 1 && nth<int>("member", 4) == 2 && nth<int>("member", 8) == 1);
  EXPECT(nth<int>("member", 16 + sizeof widget) == 5);
  EXPECT(fired_size("member") == 16 + sizeof widget + 16);
  EXPECT(trigger_count("lambda") == 2 && fired_count("lambda") == 2);
  templated(1);
  templated(2.5);
  EXPECT(trigger_count("templated") == 2 && fired_count("templated") == 2);
}

int main(int argc, char** argv) {
  marks();
  types(argc, argv);
  counts();
  places(argc);
  return 0;
}
