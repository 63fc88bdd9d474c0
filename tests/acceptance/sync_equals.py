#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""SYNC: 100,000 triggers over 4 threads; every captured value equals what the guest logged at that trigger."""
import os
import sys

from harness import fail, guest, records, start_capture, temporary

threads, per_thread = 4, int(sys.argv[2]) if len(sys.argv) > 2 else 25000
phases = ["IDLE", "OPENING", "OPEN", "CLOSING"]

with temporary() as directory:
    log, file = os.path.join(directory, "log"), os.path.join(directory, "sync.mcap")
    with guest("sync_guest", threads, per_thread, log) as process:
        capture = start_capture(process, "--on", "step", "--mode", "sync", "--sync-timeout", "20s", "--read", "*connection,connections[1].port", "-o", file)
        process.stdin.write(b"\n")
        process.stdin.flush()
        if process.wait(300) or capture.wait(60):
            fail("the guest or the capture failed")
    expected = [[line.split() for line in open(f"{log}.{t}")] for t in range(threads)]
    seen = [0] * threads
    for record in records(file):
        thread, i = record["args"]["self"], record["args"]["i"]
        c = record["values"]["*connection"]
        values = [str(i), str(c["sequence"]), str(phases.index(c["phase"])), str(c["window"]), str(c["urgent"]),
                  *map(str, c["history"]), "%.17g" % c["rtt"], c["name"], str(c["port"]["source"]), str(c["port"]["destination"])]
        if values != expected[thread][i]:
            fail(f"thread {thread}, trigger {i}: captured {values} {record['mode']}, logged {expected[thread][i]}")
        if record["mode"] != "SYNC" or i != seen[thread]:
            fail(f"thread {thread}: record {seen[thread]} is {record['mode']} of trigger {i}")
        seen[thread] += 1
    if seen != [per_thread] * threads:
        fail(f"captured {seen} of {per_thread} triggers a thread")
    print(f"{sum(seen)} SYNC records over {threads} threads equal what the guest logged")
