#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""A guest scribbles over every byte of what it shares, beside a good one: the good one loses nothing, vmitap stays well."""
import os
import subprocess
import time

from harness import Flood, check, end, fail, guest, info, records, start, temporary, vmitap

memory_limit_kb, growth_kb = 600 * 1024, 64 * 1024


def memory_kb(capture):
    status = open(f"/proc/{capture.pid}/status").read()
    return int(status.split("VmRSS:")[1].split()[0])


with temporary() as directory:
    file = os.path.join(directory, "hostile.mcap")
    for how in ["noise", "forged"]:
        for mode in ["sync", "paused", "inline"]:
            with guest("hostile_guest", how) as bad, Flood(directory, 2) as good, Flood(directory, 2) as alone:
                options = ["--on", "flood", "--sync-timeout", "1s", "--mode", mode]
                beside = start(alone, *options, "-o", file + ".alone")
                capture = start([bad, good], *options, "-o", file)
                sizes = []
                deadline = time.monotonic() + 1
                while time.monotonic() < deadline:
                    good.do("pace 50")
                    alone.do("pace 50")
                    check("the capture of the hostile guest", capture.poll(), None)
                    sizes.append(memory_kb(capture))
                end(capture, seconds=20)
                end(beside)
                # It goes on; whoever attaches now is told, or captures what can be.
                for _ in range(3):
                    again = subprocess.run([vmitap, "capture", f"local:{bad.pid}", *options, "--for", "100ms", "-o", file + ".again"],
                                           capture_output=True, text=True, timeout=20)
                    if again.returncode and (again.returncode != 1 or "broke the contract" not in again.stderr):
                        fail(f"{how}, {mode}: the next capture: {again.returncode} {again.stderr}")
                fired = [sum(good.fired()), sum(alone.fired())]
            described = info(file)
            names = [f"local:{bad.pid}", good.name]
            lost = {name: sum(loss["count"] for loss in described["losses"] if loss["guest"] == name) for name in names}
            errors = sum(loss["count"] for loss in described["losses"] if loss["reason"] == "RING_ERROR")
            check("the capture", (described["complete"], lost[good.name]), (True, 0))
            if not errors:
                fail(f"{how}, {mode}: no errors are told: {described['losses']}")
            of_good = sum(record["guest"] == good.name for record in records(file))
            check(f"{how}, {mode}: the good guest's records", of_good, fired[0])
            beside = info(file + ".alone")
            check(f"{how}, {mode}: the good guest beside", (beside["records"], beside["lost"]), (fired[1], 0))
            if described["lost"] > 1 << 41:
                fail(f"{how}, {mode}: {described['lost']} losses are believed")
            if max(sizes) > memory_limit_kb or sizes[-1] > sizes[len(sizes) // 2] + growth_kb:
                fail(f"{how}, {mode}: memory grew: {sizes}")
            print(f"{how}, {mode}: {described['records'] - of_good} records and {errors} errors of the hostile guest, {max(sizes) // 1024} MiB;"
                  f" {sum(fired)} of the good ones, none lost")
