#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""An object that is freed or another by the time the host reads it: its values are told STALE, never taken for the old one's."""
import json
import signal
import subprocess

from harness import build, check, listed, start_capture, wait_until

reads = ["--read", "session->number,session->next->number,other->number"]
fates = ["goes on", "another", "freed", "null", "another", "goes on"]


def expected(fate, mode):
    values = {"session->number": 100, "session->next->number": 700, "other->number": 700}
    through = ["session->number", "session->next->number"]
    if fate == "null":
        why = "UNREADABLE" if mode == "inline" else "NULL_POINTER"
        return {"other->number": 700}, {value: why for value in through}
    if mode in ["sync", "inline"]:  # as it was at the trigger
        return values, {}
    if fate == "goes on":
        return values | {"session->number": 101}, {}
    return {"other->number": 700}, {value: "STALE" for value in through}


for mode in ["live", "paused", "sync", "inline"]:
    late = mode in ["live", "paused"]
    with subprocess.Popen([build / "bin" / "witness_guest"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as guest:
        wait_until("the guest's appearance", lambda: listed(guest.pid))
        capture = start_capture(guest, "--on", "look", "--mode", mode, "--sync-timeout", "20s", "--pause-budget", "100%", *reads,
                                "--format", "jsonl", "-o", "-", stdout=subprocess.PIPE, text=True)
        for round, fate in enumerate(fates, 1):
            if late:  # then the host reads only when it has happened
                capture.send_signal(signal.SIGSTOP)
            guest.stdin.write(fate + "\n")
            guest.stdin.flush()
            check(f"the guest's answer to {fate}", guest.stdout.readline(), "done\n")
            if late:
                capture.send_signal(signal.SIGCONT)
            record = {}
            while "args" not in record:
                record = json.loads(capture.stdout.readline())
            values, missing = expected(fate, mode)
            check(f"{mode}, {fate}: arguments", sorted(record["args"]), ["other", "round", "session"])
            check(f"{mode}, {fate}: round", record["args"]["round"], round)
            check(f"{mode}, {fate}: values", record["values"], values)
            check(f"{mode}, {fate}: not read", {u["value"]: u["reason"] for u in record.get("unread", [])}, missing)
            check(f"{mode}, {fate}: mode", record["mode"], mode.upper())
        capture.send_signal(signal.SIGINT)
        capture.communicate(timeout=30)
        check(f"{mode}: exit status", capture.returncode, 0)
        guest.stdin.close()
    print(f"{mode}: {len(fates)} records, none with a value of another object")
