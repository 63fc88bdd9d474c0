#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Writes a program of random struct shapes that says what it holds.

The program fills one variable of each shape with random bytes and prints its bytes, then every leaf, read
by plain member access: the compiler that laid the shape out is the one that reads it.

    shape NAME HEX                 the bytes of one variable
    leaf PATH KIND VALUE           a.b[2][1].c; KIND as in random_check.cpp
"""

import random

INTEGERS = [
    ("char", "c"), ("signed char", "i"), ("unsigned char", "u"), ("short", "i"), ("unsigned short", "u"),
    ("int", "i"), ("unsigned", "u"), ("long", "i"), ("unsigned long", "u"), ("long long", "i"),
    ("uint8_t", "u"), ("int8_t", "i"), ("u16_t", "u"), ("port_t", "u"), ("int32_t", "i"), ("uint64_t", "u"),
    ("size_t", "u"), ("wchar_t", "i"),
]
BIT_FIELD_TYPES = [
    ("char", 8, "i"), ("signed char", 8, "i"), ("unsigned char", 8, "u"), ("short", 16, "i"), ("u16_t", 16, "u"),
    ("int", 32, "i"), ("unsigned", 32, "u"), ("long", 64, "i"), ("unsigned long", 64, "u"), ("uint64_t", 64, "u"),
    ("__int128", 128, "q"), ("unsigned __int128", 128, "q"),
]
# Name, size, signed, enumerators.
ENUMS = [
    ("state", 4, False, [("CLOSED", 0), ("LISTEN", 1), ("SYN_SENT", 2), ("ALSO_LISTEN", 1), ("LAST", 4000000000)]),
    ("sign", 4, True, [("MINUS", -1), ("PLUS", 1), ("FAR", -2147483648)]),
    ("small", 1, False, [("RED", 3), ("GREEN", 5), ("BLUE", 200)]),
    ("tiny", 1, True, [("DOWN", -3), ("UP", 3), ("FLAT", 0)]),
    ("huge", 8, False, [("ENORMOUS", 0x123456789abcdef0), ("LITTLE", 1)]),
]

PRELUDE = r"""
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <wchar.h>
typedef unsigned short u16_t;
typedef u16_t port_t;
typedef void (*callback)(int);
typedef struct { int x; unsigned char y : 3; } point_t;
typedef long triple_t[3];
#define PACKED __attribute__((packed))
#define ALIGNED(n) __attribute__((aligned(n)))
static uint64_t state_of_chance = SEED;
static uint64_t chance(void) {
  uint64_t z = (state_of_chance += 0x9e3779b97f4a7c15u);
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
  return z ^ (z >> 31);
}
/* Small numbers, zeroes and ones are as frequent as noise, and text as frequent as bytes. */
static void fill(void *memory, size_t size) {
  unsigned char *bytes = (unsigned char *)memory;
  size_t i = 0;
  while (i < size) {
    size_t run = 1 + chance() % 16;
    unsigned how = chance() % 6;
    for (; run != 0 && i < size; --run, ++i) {
      bytes[i] = (unsigned char)(how == 0 ? 0 : how == 1 ? 255 : how == 2 ? chance() % 128 : how == 3 ? 32 + chance() % 90
                                 : how == 4 ? "\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80\xed\xa0\x80"[chance() % 12] : chance());
    }
  }
}
static void hex(const void *memory, size_t size) {
  for (size_t i = 0; i < size; ++i) printf("%02x", ((const unsigned char *)memory)[i]);
}
static void print_i(long long v) { printf("%lld\n", v); }
static void print_u(unsigned long long v) { printf("%llu\n", v); }
static void print_f(float v) { uint32_t bits; memcpy(&bits, &v, 4); printf("%08x\n", (unsigned)bits); }
static void print_d(double v) { uint64_t bits; memcpy(&bits, &v, 8); printf("%016llx\n", (unsigned long long)bits); }
static void print_q(unsigned __int128 v) {
  printf("%llu %llu\n", (unsigned long long)(v >> 64), (unsigned long long)v);
}
"""


class Writer:
    def __init__(self, seed, cxx, full_width):
        self.random = random.Random(seed)
        self.cxx = cxx
        self.full_width = full_width  # of bit-fields
        self.types = []      # C text
        self.named = []      # (spelling, Shape) that later shapes may use
        self.counter = 0

    def fresh(self, prefix):
        self.counter += 1
        return f"{prefix}{self.counter}"


class Leaf:
    """How one member without parts is declared and printed."""

    def __init__(self, spelling, kind, bits=None, enum=None):
        self.spelling, self.kind, self.bits, self.enum = spelling, kind, bits, enum

    def declare(self, name):
        if self.kind == "callback":
            return f"void (*{name})(char, struct shape_0 *)"
        declaration = f"{self.spelling} {name}"
        return f"{declaration} : {self.bits}" if self.bits is not None else declaration

    def code(self, access, path, indices, out, indent):
        where = ", ".join([f'"{path}"'] + indices)
        pad = "  " * indent
        if self.kind == "e":
            out.append(f'{pad}printf("leaf "); printf({where}); printf(" e ");')
            for name, value in dict((v, k) for k, v in reversed(self.enum[3])).items():
                out.append(f'{pad}if ({access} == (enum {self.enum[0]}){self.literal(name)}) printf("{value} "); else')
            out.append(f'{pad}printf("- ");')
            out.append(f"{pad}print_i((int32_t){access});")
            return
        kinds = {
            "c": ("i", f"print_i({access})"),
            "i": ("i", f"print_i((long long){access})"),
            "u": ("u", f"print_u((unsigned long long){access})"),
            "o": ("u", f"print_u({access} ? 1 : 0)"),
            "p": ("u", f"print_u((unsigned long long)(uintptr_t){access})"),
            "callback": ("u", f"print_u((unsigned long long)(uintptr_t){access})"),
            "f": ("f", f"print_f({access})"),
            "d": ("d", f"print_d((double){access})"),
            "q": ("q", f"print_q((unsigned __int128)(__int128){access})"),
        }
        kind, call = kinds[self.kind]
        if self.kind == "q" and "unsigned" in self.spelling:
            call = f"print_q((unsigned __int128){access})"
        out.append(f'{pad}printf("leaf "); printf({where}); printf(" {kind} "); {call};')

    @staticmethod
    def literal(value):
        return f"{value}u" if value > 2147483647 else str(value)

    def repair(self, access, out, indent):
        """What random bytes must not hold."""
        if self.kind == "o":
            out.append("  " * indent + f"{access} = chance() & 1;")
        elif self.spelling == "long double":
            out.append("  " * indent + f"{access} = (long double)(int64_t)chance() / 3;")


class Array:
    def __init__(self, element, count, typedef=None):
        self.element, self.count, self.typedef = element, count, typedef

    def declare(self, name):
        if self.typedef:
            return f"{self.typedef} {name}"
        return self.element.declare(f"{name}[{self.count}]")

    def loop(self, access, out, indent, body):
        index = f"i{indent}"
        out.append("  " * indent + f"for (int {index} = 0; {index} < {self.count}; ++{index}) {{")
        body(f"{access}[{index}]", index, indent + 1)
        out.append("  " * indent + "}")

    def code(self, access, path, indices, out, indent):
        element = self.element
        spelling = element.spelling.split("volatile ")[-1].split("const ")[-1] if isinstance(element, Leaf) else None
        if spelling == "char" or spelling in ("unsigned char", "uint8_t"):
            if self.count == 0:
                return  # no bound, for DWARF: nothing of it is written
            kind = "t" if spelling == "char" else "b"
            where = ", ".join([f'"{path}"'] + indices)
            out.append("  " * indent + f'printf("leaf "); printf({where}); printf(" {kind} x");')
            self.loop(access, out, indent, lambda a, _, n: out.append("  " * n + f'printf("%02x", (unsigned char){a});'))
            out.append("  " * indent + 'printf("\\n");')
            return
        self.loop(access, out, indent, lambda a, i, n: element.code(a, path + "[%d]", indices + [i], out, n))

    def repair(self, access, out, indent):
        lines = []
        self.loop(access, lines, indent, lambda a, _, n: self.element.repair(a, lines, n))
        if len(lines) > 2:
            out.extend(lines)


class Record:
    """A struct, union or class; with no tag: declared in place."""

    def __init__(self, keyword, tag, members, attributes="", bases=()):
        self.keyword, self.tag, self.members = keyword, tag, members  # members: (name or None, shape) or text
        self.attributes, self.bases = attributes, bases

    def definition(self):
        inner = []
        for member in self.members:
            inner.append(member if isinstance(member, str) else member[1].declare(member[0] or "").rstrip() + ";")
        head = f"{self.keyword} {self.tag or ''}".rstrip()
        if self.bases:
            head += " : " + ", ".join(base.tag for base in self.bases)
        body = "\n".join("  " + line for text in inner for line in text.split("\n"))
        return f"{head} {{\n{body}\n}} {self.attributes}".rstrip()

    def declare(self, name):
        text = f"{self.keyword} {self.tag}" if self.tag else self.definition()
        return f"{text} {name}"

    def code(self, access, path, indices, out, indent):
        for base in self.bases:
            base.code(f"static_cast<{base.tag} &>({access})", self.join(path, base.tag), indices, out, indent)
        for member in self.members:
            if isinstance(member, str):
                continue
            name, shape = member
            if name is None:
                shape.code(access, path, indices, out, indent)
            else:
                shape.code(f"{access}.{name}", self.join(path, name), indices, out, indent)

    @staticmethod
    def join(path, name):
        return f"{path}.{name}" if path else name

    def repair(self, access, out, indent):
        for base in self.bases:
            base.repair(f"static_cast<{base.tag} &>({access})", out, indent)
        for member in self.members:
            if not isinstance(member, str):
                member[1].repair(access if member[0] is None else f"{access}.{member[0]}", out, indent)


def leaf(w, in_union):
    r = w.random
    what = r.random()
    if what < 0.55:
        spelling, kind = r.choice(INTEGERS)
        if r.random() < 0.1:
            spelling = r.choice(["volatile ", "const "] if not w.cxx else ["volatile "]) + spelling
        return Leaf(spelling, kind)
    if what < 0.63:
        return Leaf(*r.choice([("float", "f"), ("double", "d"), ("long double", "d"), ("__float128", "d")]))
    if what < 0.68 and not in_union:
        return Leaf("bool", "o")
    if what < 0.80:
        enum = r.choice(ENUMS)
        return Leaf(f"enum {enum[0]}", "e" if enum[1] < 8 else "u", enum=enum)
    if what < 0.86:
        return Leaf(*r.choice([("__int128", "q"), ("unsigned __int128", "q")]))
    return r.choice([Leaf("void *", "p"), Leaf("const char *", "p"), Leaf("callback", "p"), Leaf("", "callback"),
                     Leaf("struct shape_0 *", "p"), Leaf("int **", "p")])


def bit_fields(w, in_union):
    r = w.random
    members = []
    for _ in range(1 if in_union else r.randint(1, 6)):
        spelling, bits, kind = r.choice(BIT_FIELD_TYPES)
        what = r.random()
        if what < 0.1 and not in_union:
            members.append((w.fresh("flag"), Leaf("bool", "o", 1)))
        elif what < 0.2:
            enum = r.choice(ENUMS[:3] + ENUMS[3:4])
            width = 8 * enum[1] if w.full_width and r.random() < 0.5 else r.randint(5 * enum[1] + 2, 8 * enum[1] - 1)
            members.append((w.fresh("mode"), Leaf(f"enum {enum[0]}", "e", width, enum)))
        elif what < 0.3:
            members.append(f"{spelling} : {r.choice([0, r.randint(1, bits)])};")
        else:
            most = bits if w.full_width else bits - 1
            width = r.choice([most, 1, r.randint(1, most), r.randint(1, most)])
            members.append((w.fresh("bits"), Leaf(spelling, kind, width)))
    return members


def member_shape(w, depth, in_union):
    r = w.random
    what = r.random()
    if what < 0.12 and depth > 0:
        return record(w, depth - 1, None, in_union)
    if what < 0.22 and w.named:
        named = r.choice(w.named)
        if not (in_union and named.has_bool):
            return named
    if what < 0.25 and not in_union:
        return Array(Leaf("long", "i"), 3, typedef="triple_t")
    shape = leaf(w, in_union)
    if what < 0.55:
        return shape
    if what < 0.65:
        shape = Leaf(r.choice(["char", "unsigned char", "uint8_t"]), "c")
        return Array(shape, r.randint(1, 20)) if r.random() < 0.7 else Array(Array(shape, r.randint(1, 8)), r.randint(1, 4))
    if depth > 0 and r.random() < 0.2:
        shape = record(w, depth - 1, None, in_union)
    for _ in range(r.choice([1, 1, 1, 2, 3])):
        can_be_none = not w.cxx and not (isinstance(shape, Leaf) and "char" in shape.spelling)
        shape = Array(shape, r.randint(0 if can_be_none and r.random() < 0.1 else 1, 5))
    return shape


def has_bool(members, bases=()):
    def of(shape):
        if isinstance(shape, Leaf):
            return shape.kind == "o" or shape.spelling == "long double"
        return of(shape.element) if isinstance(shape, Array) else shape.has_bool
    return any(of(m[1]) for m in members if not isinstance(m, str)) or any(base.has_bool for base in bases)


def record(w, depth, tag, in_union=False, bases=()):
    r = w.random
    is_union = r.random() < (0.12 if tag else 0.3) and not bases
    keyword = "union" if is_union else "struct"
    members = []
    for _ in range(r.randint(1, 8 if tag else 4)):
        what = r.random()
        if what < 0.15 and depth > 0 and not w.cxx:
            members.append((None, record(w, depth - 1, None, in_union or is_union)))
        elif what < 0.35:
            members.extend(bit_fields(w, in_union or is_union))
        else:
            shape = member_shape(w, depth, in_union or is_union)
            members.append((w.fresh("m"), shape))
    if all(isinstance(m, str) for m in members):
        members.append((w.fresh("m"), Leaf("int", "i")))
    attributes = r.choice([""] * 6 + ["PACKED", "PACKED", "ALIGNED(32)", "PACKED ALIGNED(2)"])
    made = Record(keyword, tag, members, attributes, bases)
    made.has_bool = has_bool(members, bases)
    return made


def program(seed, count, cxx=False, full_width=True):
    """full_width: with bit-fields as wide as their type. clang (14) describes those as plain members, so that
    nothing tells where they stand when they are not at a whole byte."""
    w = Writer(seed, cxx, full_width)
    out = [f"#define SEED {seed}u", PRELUDE]
    for name, size, _, enumerators in ENUMS:
        values = ", ".join(f"{key} = {value}{'u' if value > 2147483647 else ''}{'ll' if size == 8 else ''}"
                           for key, value in enumerators)
        values = values.replace("-2147483648", "(-2147483647 - 1)")
        out.append(f"enum {name} {{ {values} }} {'PACKED' if size == 1 else ''};")
    if cxx:
        # An enumeration keeps to its own values in C++, unless it says what is beneath.
        out = [line if not line.startswith("enum ") else underlying(line) for line in out]
    point = Record("struct", None, [("x", Leaf("int", "i")), ("y", Leaf("unsigned char", "u", 3))])
    point.has_bool = False
    point.declare = lambda name: f"point_t {name}"
    w.named.append(point)
    shapes = []
    for number in range(count):
        bases = ()
        if cxx and len(shapes) > 2 and w.random.random() < 0.7:
            candidates = [s for s in shapes[-6:] if s.keyword == "struct"]
            bases = tuple(w.random.sample(candidates, min(len(candidates), w.random.randint(1, 2))))
            if any(a in lineage(b) for a in bases for b in bases if a is not b):
                bases = bases[:1]
        shape = record(w, 2, f"shape_{number}", bases=bases)
        out.append(shape.definition() + ";")
        shapes.append(shape)
        if w.random.random() < 0.3 and len(shape.members) < 5 and not bases:
            w.named.append(shape)
            if len(w.named) > 12:
                w.named.pop(1)
    for number, shape in enumerate(shapes):
        spelling = f"{shape.keyword} {shape.tag}"
        out.append(f"static void show_{number}(void) {{")
        out.append(f"  static {spelling} value;")
        out.append("  fill((void *)&value, sizeof value);")
        shape.repair("value", out, 1)
        out.append(f'  printf("shape {shape.tag} "); hex(&value, sizeof value); printf("\\n");')
        shape.code("value", "", [], out, 1)
        out.append("}")
    out.append("int main(void) {")
    out.extend(f"  show_{number}();" for number in range(count))
    out.append("  return 0;\n}")
    return "\n".join(out) + "\n"


def lineage(shape):
    return {shape}.union(*(lineage(base) for base in shape.bases))


def underlying(line):
    sizes = {name: ({1: "8", 4: "32", 8: "64"}[size], signed) for name, size, signed, _ in ENUMS}
    name = line.split()[1]
    bits, signed = sizes[name]
    return line.replace(f"enum {name} ", f"enum {name} : {'' if signed else 'u'}int{bits}_t ", 1).replace("PACKED", "")
