#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""A seed for kernel_symbols_fuzz: four symbols in the tables of scripts/kallsyms.c, each character a token."""
import struct
import sys

symbols = [("Tfirst", -1), ("Drunqueues", 0x2F000), ("Dinit_task", -0x1000), ("d" + "long" * 40, -0x2000)]
table = b"".join(bytes([c]) + b"\0" if 32 < c < 127 else b"\0" for c in range(256))
index = []
for c in range(256):
    index.append(sum(2 if 32 < i < 127 else 1 for i in range(c)))
names = b""
for name, _ in symbols:
    size = len(name)
    names += bytes([size]) if size < 128 else bytes([size & 0x7F | 0x80, size >> 7])
    names += name.encode()
parts = {
    "offsets": struct.pack("<4i", *(offset for _, offset in symbols)),
    "relative_base": struct.pack("<Q", 0xFFFFFFFF81000000),
    "num_syms": struct.pack("<Q", len(symbols)),
    "names": names.ljust(-len(names) % 8 + len(names), b"\0"),
    "token_table": table,
    "token_index": struct.pack("<256H", *index),
}
places, body = {}, b""
for part, content in parts.items():
    places[part] = len(body)
    body += content
order = ["num_syms", "names", "token_table", "token_index", "offsets", "relative_base"]
with open(sys.argv[1], "wb") as seed:
    seed.write(struct.pack("<6H", *(places[part] for part in order)) + body)
