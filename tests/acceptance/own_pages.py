#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""A guest that must run for its memory to be read is let go by itself, and the record says that it was."""
import mmap
import os
import subprocess
import sys
import time

from harness import build, check, fail, listed, records, temporary, vmitap, wait_until

with temporary() as directory:
    beats_file, file = os.path.join(directory, "beats"), os.path.join(directory, "own.mcap")
    guest = subprocess.Popen([build / "bin" / "own_pages_guest", beats_file], stdout=subprocess.PIPE)
    try:
        if guest.stdout.readline() != b"ready\n":
            print("skipped: userfaultfd is not allowed here")
            sys.exit(77)
        wait_until("the guest's appearance", lambda: listed(guest.pid))
        beats = mmap.mmap(os.open(beats_file, os.O_RDONLY), 4096, prot=mmap.PROT_READ)
        capture = subprocess.Popen([vmitap, "capture", f"local:{guest.pid}", "--every", "30ms", "--mode", "paused", "--pause-budget", "100%",
                                    "--read", "items->value", "--for", "2s", "-o", file])
        still, before, since = 0.0, beats[:8], time.monotonic()
        while capture.poll() is None:
            time.sleep(0.001)
            if beats[:8] != before:
                before, since = beats[:8], time.monotonic()
            still = max(still, time.monotonic() - since)
            if still > 2:
                fail("the guest stands still")
        check("the capture's exit code", capture.returncode, 0)
    finally:
        guest.kill()
    taken = list(records(file))
    let_go = [record for record in taken if record["mode"] == "LIVE"]
    if not let_go:
        fail(f"none of {len(taken)} records met a page that the guest had to bring")
    for record in let_go:
        check("why it is LIVE", record.get("fallback"), "PAUSE_FAILED")
    values = {record["values"]["items->value"] for record in taken}
    check("values", values, {4711})
    print(f"{len(let_go)} of {len(taken)} records needed the guest; it stood still for {still * 1e3:.0f} ms at most")
