#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Null and wild pointers followed at a trigger: the record says which value could not be read and why; the rest is right."""
import os
import subprocess
import time

from harness import build, check, end, info, listed, records, start, temporary, wait_until

expressions = ["*node", "node->id", "node->tail", "node->next->id", "head->id", "head->next->name", "rounds"]
reads = ["--read", ",".join(expressions)]
last, first = {"id": 2, "next": "0x0", "name": "last", "tail": 22}, {"id": 1, "name": "first", "tail": 11}
wild = ["0xdeadbeef", "0x1", "0xffffffffffffffff", "0xfffffffffffffff0", "0xffff800000000000", "0xdeadbeefdeadbeef", "0x7ffffffffff8"]


def address(number, plus=0):
    return f"{(int(number, 16) + plus) % 2**64:#x}"


def expected(kind, edge, mode, round):
    """The values and, for those that are missing, the reason and the address."""
    values = {"*node": {**first, "next": None}, "node->id": 1, "node->tail": 11, "node->next->id": 2, "head->id": 1,
              "head->next->name": "last", "rounds": round}
    missing = {}

    def cannot(value, why, where=None):
        del values[value]
        # The guest itself, which reads in INLINE mode, tells no more than that it could not.
        missing[value] = {"reason": why} | ({"address": where} if where else {}) if mode != "inline" else {"reason": "UNREADABLE"}

    if kind == "null":
        for value in expressions[:4]:
            cannot(value, "NULL_POINTER")
    elif kind == "head":
        cannot("head->id", "NULL_POINTER")
        cannot("head->next->name", "NULL_POINTER")
    elif kind == "edge":
        values["node->id"] = 3
        cannot("*node", "UNREADABLE", edge)
        cannot("node->tail", "UNREADABLE", address(edge, 32))
    elif kind == "next":
        values |= {"*node": {"id": 4, "next": "0xdeadbeef", "name": "wild", "tail": 44}, "node->id": 4, "node->tail": 44}
        cannot("node->next->id", "UNREADABLE", "0xdeadbeef")
    elif kind != "good":
        for value, plus in zip(expressions[:4], [0, 0, 32, 8]):
            cannot(value, "UNREADABLE", address(kind, plus))
    return values, missing


with temporary() as directory:
    for mode in ["sync", "paused", "live", "inline"]:
        file = os.path.join(directory, f"{mode}.mcap")
        kinds = ["good", "null", "edge", "next", "head", *wild, "good"]
        with subprocess.Popen([build / "bin" / "wild_guest"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as guest:
            edge = guest.stdout.readline().strip()
            wait_until("the guest's appearance", lambda: listed(guest.pid))
            budget = ["--pause-budget", "100%"] if mode == "paused" else []
            capture = start(guest, "--on", "look", "--mode", mode, "--sync-timeout", "20s", *reads, *budget, "-o", file)
            for kind in kinds:
                guest.stdin.write(kind + "\n")
                guest.stdin.flush()
                check(f"the guest's answer to {kind}", guest.stdout.readline(), "done\n")
                time.sleep(0.05 if mode in ["paused", "live"] else 0)  # these read later, and as the guest is then
            end(capture)
            guest.stdin.close()
        seen = list(records(file))
        check(f"{mode}: records", len(seen), len(kinds))
        for round, (kind, record) in enumerate(zip(kinds, seen), 1):
            values, missing = expected(kind, edge, mode, round)
            if kind in ["good", "head"]:
                record["values"]["*node"]["next"] = None  # an address of this run
            check(f"{mode}, {kind}: values", record["values"], values)
            check(f"{mode}, {kind}: not read", {u.pop("value"): u for u in record.get("unread", [])}, missing)
            check(f"{mode}, {kind}: mode", record["mode"], mode.upper())
        check(f"{mode}: losses", info(file)["lost"], 0)
        print(f"{mode}: {len(kinds)} records with {len(wild) + 4} kinds of pointers that lead nowhere say which values and why")
