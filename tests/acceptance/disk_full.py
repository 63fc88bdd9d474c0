#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The disk fills in mid-capture: that is said, the guest runs on, and all that was captured before can be read."""
import json
import os
import re
import shlex
import subprocess
import sys

from harness import Flood, check, fail, info, records, temporary, vmitap

if os.geteuid() != 0:
    print("skipped: only root may mount a small file system")
    sys.exit(77)

capture = ["--every", "100us", "--mode", "live", "--read", "state", "--for", "30s"]

with temporary() as directory, Flood(directory, 1) as guest:

    def fills(name):
        disk, kept = os.path.join(directory, "disk"), os.path.join(directory, f"kept-{name}")
        os.makedirs(disk, exist_ok=True)
        command = shlex.join([str(vmitap), "capture", guest.name, *capture, "-o", f"{disk}/{name}"])
        result = subprocess.run(["unshare", "-m", "sh", "-c", f"mount -t tmpfs -o size=256k none {disk} || exit 99; {command};"
                                 f"status=$?; cp {disk}/{name} {kept}; exit $status"], capture_output=True, text=True, timeout=60)
        if result.returncode == 99:
            print("skipped: mounting is not allowed here")
            sys.exit(77)
        check(f"{name}: exit code", result.returncode, 3)
        for words in [name, "No space left on device", "has room"]:
            if words not in result.stderr:
                fail(f"{name}: \"{words}\" is not in {result.stderr}")
        guest.do("flood 1")  # it runs on
        if os.path.getsize(kept) < 200000:
            fail(f"{name}: only {os.path.getsize(kept)} bytes were written")
        return kept, result.stderr

    for name in ["full.mcap", "full.pb"]:
        kept, said = fills(name)
        stated = int(re.search(r"([\d,]+) records? (?:is|are) kept in", said)[1].replace(",", ""))
        described = info(kept)
        check(f"{name}: complete", described["complete"], False)
        sequence = [record["sequence"] for record in records(kept)]
        check(f"{name}: decoded records", sequence, list(range(1, described["records"] + 1)))
        check(f"{name}: records that it said are kept", stated, described["records"])
        print(f"{name}: {stated} records in 256 KiB, all of them readable")
    kept, _ = fills("full.jsonl")
    lines = [json.loads(line) for line in open(kept).read().split("\n")[:-1]]
    sequence = [line["sequence"] for line in lines if line.get("rule") == "every"]
    check("full.jsonl: records", sequence, list(range(1, len(sequence) + 1)))
    print(f"full.jsonl: {len(sequence)} records in 256 KiB")

    for form in ["mcap", "pb", "jsonl"]:
        result = subprocess.run([vmitap, "capture", guest.name, *capture, "-o", "/dev/full", "--format", form],
                                capture_output=True, text=True, timeout=60)
        if result.returncode not in (1, 3) or "No space left on device" not in result.stderr:
            fail(f"/dev/full, {form}: {result.returncode}, {result.stderr}")
        reader = subprocess.Popen([vmitap, "capture", guest.name, *capture, "-o", "-", "--format", form],
                                  stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=False)
        if not reader.stdout.read(100):
            fail(f"{form}: nothing came through the pipe")
        reader.stdout.close()
        check(f"{form}: a reader that has enough", (reader.wait(30), reader.stderr.read()), (0, b""))
        guest.do("flood 1")
