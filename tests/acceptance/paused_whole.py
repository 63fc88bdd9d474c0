#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""PAUSED never sees a struct torn whose members change together, in 100,000 snapshots; LIVE does, and says so."""
import os
import sys

from harness import fail, guest, records, start_capture, temporary

wanted = int(sys.argv[2]) if len(sys.argv) > 2 else 100000


def capture_pairs(process, file, mode, count, every):
    capture = start_capture(process, "--every", every, "--mode", mode, "--read", "pair", "--pause-budget", "100%",
                            "--count", count, "-o", file)
    if capture.wait(400):
        fail(f"the capture in {mode} mode failed")
    torn = total = distinct = 0
    last = None
    for record in records(file):
        if record["mode"] != mode.upper():
            fail(f"asked for {mode}, got {record['mode']}")
        pair = record["values"]["pair"]
        torn += pair["first"] != pair["second"]
        distinct += pair["first"] != last
        last = pair["first"]
        total += 1
    if total != count:
        fail(f"{total} records instead of {count}")
    if distinct < count / 10:
        fail(f"only {distinct} of {count} snapshots differ: the guest hardly ran between them")
    return torn


with temporary() as directory:
    file = os.path.join(directory, "pairs.mcap")
    with guest("together_guest", 1) as process:
        torn = capture_pairs(process, file, "paused", wanted, "250us")
        if torn:
            fail(f"{torn} of {wanted} PAUSED snapshots were torn")
        print(f"0 of {wanted} PAUSED snapshots were torn")
        for attempt in range(5):
            torn = capture_pairs(process, file, "live", wanted, "50us")
            print(f"{torn} of {wanted} LIVE reads were torn")
            if torn:
                break
        else:
            fail("LIVE never tore: this test does not tell the modes apart")
