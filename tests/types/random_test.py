#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""random_test.py CHECK PROTOC WORKDIR COMPILER...: random shapes, the compilers being the oracle.

Compilers of C get C, those whose names end in ++ get C++ classes with bases. $VMITAP_SEED takes another
seed than the fixed one. Keeps what differed in WORKDIR.
"""

import os
import subprocess
import sys

import random_shapes

C_SHAPES = 420
CXX_SHAPES = 80


def main():
    check, protoc, workdir, *compilers = sys.argv[1:]
    seed = int(os.environ.get("VMITAP_SEED", "20240607"))
    print(f"VMITAP_SEED={seed}")
    os.makedirs(workdir, exist_ok=True)
    is_good = bool(compilers)
    for compiler in compilers:
        is_cxx = compiler.endswith("++")
        name = os.path.basename(compiler)
        source = os.path.join(workdir, f"shapes-{name}.{'cpp' if is_cxx else 'c'}")
        with open(source, "w", encoding="ascii") as file:
            count = CXX_SHAPES if is_cxx else C_SHAPES
            file.write(random_shapes.program(seed, count, is_cxx, full_width="clang" not in name))
        for dwarf in ("4", "5"):
            is_good = one(check, protoc, workdir, [compiler, f"-gdwarf-{dwarf}"], source, f"{name}-{dwarf}") and is_good
    return 0 if is_good else 1


def one(check, protoc, workdir, compiler, source, name):
    program = os.path.join(workdir, name)
    subprocess.run([*compiler, "-w", "-Wno-psabi", "-O0", "-fno-strict-aliasing", source, "-o", program], check=True)
    printed = subprocess.run([program], check=True, stdout=subprocess.PIPE).stdout
    records = program + "-records"
    os.makedirs(records, exist_ok=True)
    for old in os.listdir(records):
        os.remove(os.path.join(records, old))
    if subprocess.run([check, program, records], input=printed, check=False).returncode != 0:
        return False
    return decode(protoc, records)


def decode(protoc, records):
    """Stock protoc takes the descriptors and reads the same values."""
    sets = [name for name in sorted(os.listdir(records)) if name.endswith(".set")]
    for name in sets:
        base = os.path.join(records, name[: -len(".set")])
        with open(base + ".type", encoding="utf-8") as file:
            message = file.read()
        with open(base + ".record", "rb") as file:
            result = subprocess.run([protoc, f"--descriptor_set_in={base}.set", f"--decode={message}"],
                                    stdin=file, stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False)
        with open(base + ".text", "rb") as file:
            expected = file.read()
        if result.returncode != 0 or result.stderr or result.stdout != expected:
            print(f"{base}: protoc reads something else", result.stderr.decode(errors="replace"), file=sys.stderr)
            return False
    return bool(sets)


if __name__ == "__main__":
    sys.exit(main())
