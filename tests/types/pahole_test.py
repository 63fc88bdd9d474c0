#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Compares layouts as vmitap reads them with those that pahole reads from the same debug information.

Usage: pahole_test.py PAHOLE_DUMP PAHOLE MINIMUM FILE...

Each record that pahole prints must be known to vmitap with the same members in the same order at the
same offsets and bits with the same sizes, anonymous members included. Fails below MINIMUM records.
"""
import collections
import json
import re
import subprocess
import sys

Member = collections.namedtuple("Member", "name offset bit bits size children")

OPEN = re.compile(r"^(?:typedef )?(struct|union|class)(?: (.*?))? \{$")
MEMBER = re.compile(r"^(?P<decl>.*?)\s*/\*\s*(?P<offset>\d+)(?::\s*(?P<bit>\d+))?\s+(?P<size>\d+) \*/$")
ANCESTOR = re.compile(r"^/\* (?:(?:struct|class) )?(?P<name>.*?)\s*<ancestor>; \*/\s*/\*\s*(?P<offset>\d+)\s+(?P<size>\d+) \*/$")
SIZE = re.compile(r"^/\* size: (\d+), cachelines: \d+, members: \d+(?:, static members: \d+)? \*/$")
ATTRIBUTE = re.compile(r"\s*__attribute__\(\([^)]*\)+\)")


def member_name(decl):
    """The name that a C declaration declares, and its width if it is a bit-field."""
    decl = ATTRIBUTE.sub("", decl).rstrip(";").strip()
    bits = None
    found = re.search(r":(\d+)$", decl)
    if found:
        bits = int(found.group(1))
        decl = decl[: found.start()].rstrip()
    decl = re.sub(r"(\[\d*\])+$", "", decl).rstrip()
    found = re.search(r"\(\*+\s*(\w*)[^()]*\)\(", decl)
    if found:
        return found.group(1), bits
    found = re.search(r"([A-Za-z_$][\w$.]*)$", decl)
    return (found.group(1) if found else ""), bits


class Reader:
    """Parses what pahole prints: C with offsets and sizes in comments."""

    def __init__(self, text):
        self.lines = iter(text.splitlines())
        self.records = []

    def run(self):
        for line in self.lines:
            found = OPEN.match(line)
            if found and found.group(2):
                name = found.group(2)
                # "struct B : A, virtual V": bases follow among the members.
                bases = re.split(r" : (?=\S)", name, maxsplit=1)
                virtual = set(re.findall(r"virtual ([^,]+)", bases[1])) if len(bases) > 1 else set()
                members, size, _ = self.body(0, virtual)
                self.records.append((bases[0], size, members))
        return self.records

    def body(self, start, virtual=frozenset()):
        """Members up to the closing brace; the record's size; the closing line."""
        members = []
        size = None
        for line in self.lines:
            line = line.strip()
            if line.startswith("}"):
                return members, size, line
            found = SIZE.match(line)
            if found:
                size = int(found.group(1))
                continue
            found = ANCESTOR.match(line)
            if found:
                if found.group("name") not in virtual:
                    members.append(Member(found.group("name"), int(found.group("offset")), None, None, None, None))
                continue
            if line.endswith("{"):
                self.nested(line, members, start)
                continue
            found = MEMBER.match(line)
            if found and found.group("decl").strip() and not line.startswith("static "):
                self.plain(found, members, start)
        raise ValueError("pahole's output ends in the middle of a record")

    def nested(self, line, members, start):
        is_enum = line.startswith("enum")
        place = len(members)
        # Offsets inside count from the outermost record; the closing line tells where this one starts.
        children, _, closing = self.body(0)
        found = MEMBER.match(closing.removeprefix("}").strip())
        if not found:
            return
        offset = int(found.group("offset"))
        decl = found.group("decl")
        name, bits = member_name(decl) if decl.strip() not in ("", ";") else ("", None)
        is_pointer = "*" in decl
        if is_enum or is_pointer:
            children = None
        else:
            children = [child._replace(offset=child.offset - offset) for child in children]
        bit = found.group("bit")
        members.insert(
            place,
            Member(name, offset - start, int(bit) if bit else None, bits, int(found.group("size")), children),
        )

    def plain(self, found, members, start):
        name, bits = member_name(found.group("decl"))
        if name.startswith("_vptr"):
            return
        bit = int(found.group("bit")) if found.group("bit") is not None else None
        size = int(found.group("size"))
        members.append(Member(name, int(found.group("offset")) - start, bit, bits, size, None))


def differences(theirs, ours, where):
    """All ways in which our members differ from pahole's."""
    ours = [member for member in ours if member.get("base") != "virtual"]
    if len(theirs) != len(ours):
        names = lambda members: " ".join(members)
        yield (f"{where}: pahole has {len(theirs)} members ({names(m.name for m in theirs)}), "
               f"vmitap {len(ours)} ({names(m['name'] for m in ours)})")
        return
    for their, our in zip(theirs, ours):
        name = f"{where}.{their.name}"
        if "base" in our:
            # pahole names a base as the source did, which may be by a typedef, and cuts long names off.
            spelled = re.sub("^(struct|class) ", "", our["type"])
            if not any(bare(known).startswith(bare(their.name)) for known in (our["name"], spelled)):
                yield f"{name}: a base named {our['name']}"
        elif our["name"] != their.name:
            yield f"{name}: named {our['name']}"
        if their.bits is not None:
            bit = their.offset * 8 + (their.bit or 0)
            if (our.get("bit_offset"), our.get("bit_size")) != (bit, their.bits):
                yield (f"{name}: bits {bit}+{their.bits} in pahole, "
                       f"{our.get('bit_offset')}+{our.get('bit_size')} in vmitap")
            continue
        if "bit_size" in our:
            yield f"{name}: a bit-field of {our['bit_size']} in vmitap only"
        if our["offset"] != their.offset:
            yield f"{name}: offset {their.offset} in pahole, {our['offset']} in vmitap"
        # pahole gives an empty class no size, and a pointer to member that of what it points into.
        known = their.size is not None and not our.get("empty") and not our.get("to_member")
        if known and our["size"] != their.size:
            yield f"{name}: size {their.size} in pahole, {our['size']} in vmitap"
        if their.children is not None:
            yield from differences(their.children, our.get("members", []), name)


def bare(name):
    """A name as pahole prints it: without what it stands in."""
    depth = 0
    start = 0
    for i, char in enumerate(name):
        depth += (char in "<({") - (char in ">)}")
        if depth == 0 and name.startswith("::", i):
            start = i + 2
    return name[start:]


def run(command):
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True).stdout


def compare(dump, pahole, path):
    ours = collections.defaultdict(list)
    for record in json.loads(run([dump, path])):
        ours[bare(record["name"])].append(record)
    records = Reader(run([pahole, "--show_private_classes", path])).run()
    errors = []
    members = bit_fields = 0

    def count(list_):
        nonlocal members, bit_fields
        for member in list_:
            members += 1
            bit_fields += member.bits is not None
            count(member.children or [])

    for name, size, theirs in records:
        # Several records may share a bare name; one of them has to agree.
        best = None
        for candidate in ours.get(name, []):
            found = list(differences(theirs, candidate["members"], name))
            if size is not None and candidate["size"] != size:
                found.append(f"{name}: size {size} in pahole, {candidate['size']} in vmitap")
            if best is None or len(found) < len(best):
                best = found
        count(theirs)
        errors += [f"{name}: unknown to vmitap"] if best is None else best
    return len(records), members, bit_fields, errors


def main():
    dump, pahole, minimum, *paths = sys.argv[1:]
    total = 0
    failed = False
    for path in paths:
        records, members, bit_fields, errors = compare(dump, pahole, path)
        total += records
        print(f"{path}: {records} records, {members} members, {bit_fields} bit-fields compared, "
              f"{len(errors)} differences")
        for error in errors[:20]:
            print("  " + error)
        failed = failed or bool(errors)
    print(f"{total} records compared with pahole")
    if total < int(minimum):
        print(f"too few: {minimum} are wanted")
        failed = True
    sys.exit(failed)


main()
