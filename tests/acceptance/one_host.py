#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""A guest has one capture at a time: a second is told who has it; when the first is killed, the next attaches."""
import os
import subprocess

from harness import Flood, check, end, fail, info, start, temporary, vmitap

with temporary() as directory, Flood(directory, 2) as guest:
    first_file, file = os.path.join(directory, "first.mcap"), os.path.join(directory, "second.mcap")
    options = ["--on", "flood", "--mode", "sync", "--sync-timeout", "20s", "--read", "state"]
    for _ in range(5):
        before = sum(guest.fired())
        first = start(guest, *options, "-o", first_file)
        guest.do("pace 100")
        second = subprocess.run([vmitap, "capture", guest.name, *options, "-o", file], capture_output=True, text=True, timeout=30)
        check("the second capture's exit code", second.returncode, 1)
        for words in ["captured already", f"process {first.pid}", "end the other capture first"]:
            if words not in second.stderr:
                fail(f"\"{words}\" is not in {second.stderr}")
        guest.do("pace 100")  # the first goes on
        check("the first capture", first.poll(), None)
        guest.tell("pace 300")  # it is killed while threads wait for it
        first.kill()
        first.wait()
        check("the guest's answer", guest.process.stdout.readline(), b"done\n")
        before = sum(guest.fired())
        third = start(guest, *options, "-o", file)
        guest.do("pace 100")
        end(third)
        check("the next capture", (info(file)["records"], info(file)["lost"]), (sum(guest.fired()) - before, 0))
    print("5 times a second capture was told who is first; each time the first was killed, the next got every record")
