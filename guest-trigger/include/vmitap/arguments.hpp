// SPDX-License-Identifier: MIT
// C++ half of VMITAP_TRIGGER: the argument struct, and how arguments get there.
#pragma once

#include <cstddef>
#include <type_traits>

#include "object.h"

namespace vmitap::detail {

// The type in which an argument is handed over: its own, a function as a pointer.
template <class Expression, class Bare = std::remove_cv_t<std::remove_reference_t<Expression>>>
using value_of = std::conditional_t<std::is_function_v<Bare>, std::add_pointer_t<Bare>, Bare>;

// How it gets there. Scalars by value, so that bit-fields, packed members and constants without a
// definition can be arguments; the rest by reference, so that nothing is constructed.
template <class Expression>
using passed_as = std::conditional_t<std::is_scalar_v<value_of<Expression>>, value_of<Expression>,
                                     const std::remove_reference_t<Expression>&>;

template <class... Values>
struct arguments;

template <>
struct arguments<> {};

template <class T1>
struct arguments<T1> {
  T1 arg1;
};

template <class T1, class T2>
struct arguments<T1, T2> {
  T1 arg1;
  T2 arg2;
};

template <class T1, class T2, class T3>
struct arguments<T1, T2, T3> {
  T1 arg1;
  T2 arg2;
  T3 arg3;
};

template <class T1, class T2, class T3, class T4>
struct arguments<T1, T2, T3, T4> {
  T1 arg1;
  T2 arg2;
  T3 arg3;
  T4 arg4;
};

template <class T1, class T2, class T3, class T4, class T5>
struct arguments<T1, T2, T3, T4, T5> {
  T1 arg1;
  T2 arg2;
  T3 arg3;
  T4 arg4;
  T5 arg5;
};

template <class T1, class T2, class T3, class T4, class T5, class T6>
struct arguments<T1, T2, T3, T4, T5, T6> {
  T1 arg1;
  T2 arg2;
  T3 arg3;
  T4 arg4;
  T5 arg5;
  T6 arg6;
};

template <class T1, class T2, class T3, class T4, class T5, class T6, class T7>
struct arguments<T1, T2, T3, T4, T5, T6, T7> {
  T1 arg1;
  T2 arg2;
  T3 arg3;
  T4 arg4;
  T5 arg5;
  T6 arg6;
  T7 arg7;
};

template <class T1, class T2, class T3, class T4, class T5, class T6, class T7, class T8>
struct arguments<T1, T2, T3, T4, T5, T6, T7, T8> {
  T1 arg1;
  T2 arg2;
  T3 arg3;
  T4 arg4;
  T5 arg5;
  T6 arg6;
  T7 arg7;
  T8 arg8;
};

template <class T1, class T2, class T3, class T4, class T5, class T6, class T7, class T8, class T9>
struct arguments<T1, T2, T3, T4, T5, T6, T7, T8, T9> {
  T1 arg1;
  T2 arg2;
  T3 arg3;
  T4 arg4;
  T5 arg5;
  T6 arg6;
  T7 arg7;
  T8 arg8;
  T9 arg9;
};

template <class T1, class T2, class T3, class T4, class T5, class T6, class T7, class T8, class T9, class T10>
struct arguments<T1, T2, T3, T4, T5, T6, T7, T8, T9, T10> {
  T1 arg1;
  T2 arg2;
  T3 arg3;
  T4 arg4;
  T5 arg5;
  T6 arg6;
  T7 arg7;
  T8 arg8;
  T9 arg9;
  T10 arg10;
};

template <class T1, class T2, class T3, class T4, class T5, class T6, class T7, class T8, class T9, class T10,
          class T11>
struct arguments<T1, T2, T3, T4, T5, T6, T7, T8, T9, T10, T11> {
  T1 arg1;
  T2 arg2;
  T3 arg3;
  T4 arg4;
  T5 arg5;
  T6 arg6;
  T7 arg7;
  T8 arg8;
  T9 arg9;
  T10 arg10;
  T11 arg11;
};

template <class T1, class T2, class T3, class T4, class T5, class T6, class T7, class T8, class T9, class T10,
          class T11, class T12>
struct arguments<T1, T2, T3, T4, T5, T6, T7, T8, T9, T10, T11, T12> {
  T1 arg1;
  T2 arg2;
  T3 arg3;
  T4 arg4;
  T5 arg5;
  T6 arg6;
  T7 arg7;
  T8 arg8;
  T9 arg9;
  T10 arg10;
  T11 arg11;
  T12 arg12;
};

template <class T1, class T2, class T3, class T4, class T5, class T6, class T7, class T8, class T9, class T10,
          class T11, class T12, class T13>
struct arguments<T1, T2, T3, T4, T5, T6, T7, T8, T9, T10, T11, T12, T13> {
  T1 arg1;
  T2 arg2;
  T3 arg3;
  T4 arg4;
  T5 arg5;
  T6 arg6;
  T7 arg7;
  T8 arg8;
  T9 arg9;
  T10 arg10;
  T11 arg11;
  T12 arg12;
  T13 arg13;
};

template <class T1, class T2, class T3, class T4, class T5, class T6, class T7, class T8, class T9, class T10,
          class T11, class T12, class T13, class T14>
struct arguments<T1, T2, T3, T4, T5, T6, T7, T8, T9, T10, T11, T12, T13, T14> {
  T1 arg1;
  T2 arg2;
  T3 arg3;
  T4 arg4;
  T5 arg5;
  T6 arg6;
  T7 arg7;
  T8 arg8;
  T9 arg9;
  T10 arg10;
  T11 arg11;
  T12 arg12;
  T13 arg13;
  T14 arg14;
};

template <class T1, class T2, class T3, class T4, class T5, class T6, class T7, class T8, class T9, class T10,
          class T11, class T12, class T13, class T14, class T15>
struct arguments<T1, T2, T3, T4, T5, T6, T7, T8, T9, T10, T11, T12, T13, T14, T15> {
  T1 arg1;
  T2 arg2;
  T3 arg3;
  T4 arg4;
  T5 arg5;
  T6 arg6;
  T7 arg7;
  T8 arg8;
  T9 arg9;
  T10 arg10;
  T11 arg11;
  T12 arg12;
  T13 arg13;
  T14 arg14;
  T15 arg15;
};

template <class T1, class T2, class T3, class T4, class T5, class T6, class T7, class T8, class T9, class T10,
          class T11, class T12, class T13, class T14, class T15, class T16>
struct arguments<T1, T2, T3, T4, T5, T6, T7, T8, T9, T10, T11, T12, T13, T14, T15, T16> {
  T1 arg1;
  T2 arg2;
  T3 arg3;
  T4 arg4;
  T5 arg5;
  T6 arg6;
  T7 arg7;
  T8 arg8;
  T9 arg9;
  T10 arg10;
  T11 arg11;
  T12 arg12;
  T13 arg13;
  T14 arg14;
  T15 arg15;
  T16 arg16;
};

// The first parameter only stands before the comma of the second.
template <class, class... Expressions>
using arguments_of = arguments<value_of<Expressions>...>;

template <class Arguments, std::size_t TextSize>
struct VMITAP_HIDDEN_ trigger_descriptor {
  vmitap_trigger_site site;
  Arguments* vmitap_args;
  char text[TextSize];
};

// Puts a value where the next member of the argument struct stands; returns where that one ends.
template <class Value>
std::size_t put(unsigned char* bytes, std::size_t end, const Value& value) {
  const std::size_t begin = (end + alignof(Value) - 1) / alignof(Value) * alignof(Value);
  __builtin_memcpy(bytes + begin,
                   const_cast<const void*>(static_cast<const volatile void*>(__builtin_addressof(value))),
                   sizeof(Value));
  return begin + sizeof(Value);
}

template <class Arguments, class... Passed>
void fire(vmitap_trigger_site* site, Passed... values) {
  if constexpr (sizeof...(Passed) == 0) {
    vmitap_fire(site, nullptr);
  } else {
    alignas(Arguments) unsigned char bytes[sizeof(Arguments)];
    std::size_t end = 0;
    ((end = put(bytes, end, values)), ...);
    vmitap_fire(site, bytes);
  }
}

}  // namespace vmitap::detail
