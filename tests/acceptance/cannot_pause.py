#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""A guest that another process traces cannot be paused: each record says so and by whom, and once it can be, it is."""
import os
import subprocess
import sys
import time

from harness import Flood, check, end, fail, info, records, start, temporary

# Seizes all threads of its argument, says so, and lets go when its input ends.
tracer_source = """
import ctypes, os, sys
libc = ctypes.CDLL(None, use_errno=True)
for task in os.listdir(f"/proc/{sys.argv[1]}/task"):
    if libc.ptrace(0x4206, int(task), None, None):
        sys.exit(os.strerror(ctypes.get_errno()))
print("traces", flush=True)
sys.stdin.read()
"""

with temporary() as directory, Flood(directory, 2) as guest:
    file = os.path.join(directory, "traced.mcap")
    capture = start(guest, "--every", "5ms", "--mode", "paused", "--pause-budget", "100%", "--read", "state", "-o", file)
    time.sleep(0.2)
    # Between two of our windows the guest is free for a debugger.
    for _ in range(100):
        tracer = subprocess.Popen([sys.executable, "-c", tracer_source, str(guest.pid)], stdin=subprocess.PIPE,
                                  stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        if tracer.stdout.readline() == b"traces\n":
            break
        tracer.wait()
    else:
        fail("the guest was never free to be traced")
    time.sleep(0.5)
    tracer.stdin.close()
    tracer.wait()
    time.sleep(0.3)
    said = end(capture)
    described = info(file)
    rule = described["rules"][0]
    failures = rule["modes"].get("LIVE", 0)
    if failures < 20:
        fail(f"only {failures} pauses failed: {rule['modes']}")
    check("reasons", rule["fallbacks"], {"PAUSE_FAILED": failures})
    check("the summary's count", described["pause_failures"], failures)
    if f"{failures} taken LIVE as the guest could not be paused" not in said:
        fail(f"the end does not tell: {said}")
    kinds = []
    for record in records(file):
        if record["mode"] == "LIVE" and (f"process {tracer.pid}" not in record["fallback_detail"] or "values" not in record):
            fail(f"{record}")
        if not kinds or kinds[-1] != record["mode"]:
            kinds.append(record["mode"])
    check("the modes one after the other", (kinds[0], kinds[-1]), ("PAUSED", "PAUSED"))
    print(f"{failures} records are LIVE as the guest was traced: {rule['fallback_detail']}")
