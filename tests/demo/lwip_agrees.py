#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Captures an lwIP transfer in SYNC mode and compares every record with what the guest itself logged.

Usage: lwip_agrees.py BUILD_DIR
Each trigger of the guest writes one line to its log just before it fires; record N must hold line N's values.
"""
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import time

build = pathlib.Path(sys.argv[1])
vmitap, peer = build / "vmitap", build / "bin" / "lwip-peer"
fields = ["pcb->cwnd", "pcb->ssthresh", "pcb->snd_nxt", "pcb->lastack", "pcb->snd_wnd", "pcb->rto"]
states = ["CLOSED", "LISTEN", "SYN_SENT", "SYN_RCVD", "ESTABLISHED", "FIN_WAIT_1", "FIN_WAIT_2", "CLOSE_WAIT",
          "CLOSING", "LAST_ACK", "TIME_WAIT"]


def wait_until(what, condition):
    deadline = time.monotonic() + 20
    while not condition():
        if time.monotonic() > deadline:
            sys.exit(f"{what} did not happen within 20 s")
        time.sleep(0.05)


def guest_entry(pid):
    listed = json.loads(subprocess.run([vmitap, "list", "--json"], check=True, capture_output=True).stdout)
    guests = listed if isinstance(listed, list) else listed["guests"]
    return next((g for g in guests if g.get("id") == pid), None)


with tempfile.TemporaryDirectory() as directory:
    a, b = os.path.join(directory, "a"), os.path.join(directory, "b")
    log, capture = os.path.join(directory, "log"), os.path.join(directory, "capture.mcap")
    receiver = subprocess.Popen([peer, "--receive", "--own", b, "--peer", a], stdout=subprocess.DEVNULL)
    sender = subprocess.Popen(
        [peer, "--send", "1500000", "--own", a, "--peer", b, "--loss", "0.01", "--log", log, "--on-enter"],
        stdin=subprocess.PIPE, stdout=subprocess.DEVNULL)
    try:
        wait_until("the guest's appearance", lambda: guest_entry(sender.pid))
        capturing = subprocess.Popen(
            [vmitap, "capture", f"local:{sender.pid}", "--on", "tcp_segment", "--mode", "sync", "--sync-timeout", "5s",
             "--read", ",".join(["pcb->state"] + fields), "-o", capture])
        wait_until("the capture's start", lambda: guest_entry(sender.pid)["capturing"])
        sender.stdin.write(b"\n")
        sender.stdin.flush()
        if sender.wait(60) or receiver.wait(60) or capturing.wait(60):
            sys.exit("a process failed")
    finally:
        for process in (sender, receiver):
            process.kill()

    decoded = subprocess.run([vmitap, "decode", capture, "--format", "jsonl"], check=True, capture_output=True).stdout
    records = [r for r in map(json.loads, decoded.splitlines()) if r.get("trigger") == "tcp_segment"]
    # The guest logs only segments that have a connection; the others reach the host with a null pcb.
    with_pcb = [r for r in records if not r.get("unread")]
    lines = [line.split() for line in open(log)]
    if len(with_pcb) != len(lines) or len(lines) < 1000:
        sys.exit(f"{len(lines)} triggers were logged, {len(with_pcb)} captured")
    for number, (record, line) in enumerate(zip(with_pcb, lines)):
        received, seqno, *numbers, state = line
        values, args = record["values"], record["args"]
        seen = [str(values[f]) for f in fields]
        expected = [numbers[0], numbers[1], numbers[2], numbers[3], numbers[4], numbers[5]]
        if (seen, values["pcb->state"], str(args["seqno"])) != (expected, states[int(state)], seqno):
            sys.exit(f"record {number}: {record} is not {line}")
        if record["mode"] != "SYNC":
            sys.exit(f"record {number} is {record['mode']}")
    windows = [int(line[2]) for line in lines]
    halvings = sum(1 for before, after in zip(windows, windows[1:]) if after < before / 1.4)
    if not halvings:
        sys.exit("a transfer with loss that never halves its window")
    print(f"{len(lines)} records equal what the guest logged; cwnd {min(windows)} to {max(windows)}, {halvings} halvings")
