#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""500 times a SIGKILL at a random moment to a capture in PAUSED mode: the guest runs again within 100 ms."""
import mmap
import os
import random
import subprocess
import sys
import time

from harness import build, fail, guest, listed, temporary, vmitap

rounds, threads = int(sys.argv[2]) if len(sys.argv) > 2 else 500, 4
seed = int(os.environ.get("VMITAP_SEED", time.time_ns() % 1000000))
random.seed(seed)


def stopped(pid):
    states = []
    for task in os.listdir(f"/proc/{pid}/task"):
        try:
            states.append(open(f"/proc/{pid}/task/{task}/stat").read().rsplit(")", 1)[1].split()[0])
        except OSError:
            pass
    return any(state in "tT" for state in states)


with temporary() as directory:
    beats_file = os.path.join(directory, "beats")
    with guest("heartbeat_guest", threads, beats_file) as process:
        beats = mmap.mmap(os.open(beats_file, os.O_RDONLY), 4096, prot=mmap.PROT_READ)

        def counts():
            return [int.from_bytes(beats[t * 64:t * 64 + 8], "little") for t in range(threads)]

        worst = 0.0
        attached = found_stopped = 0
        for number in range(rounds):
            capture = subprocess.Popen([vmitap, "capture", f"local:{process.pid}", "--every", "200us", "--mode", "paused",
                                        "--read", "state", "--pause-budget", "100%", "-o", os.path.join(directory, "k.mcap")],
                                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            time.sleep(random.uniform(0.0, 0.25))
            if capture.poll() is not None:
                fail(f"round {number} (seed {seed}): the capture ended by itself with status {capture.returncode}")
            capture.kill()
            killed = time.monotonic()
            found_stopped += stopped(process.pid)
            before = counts()
            while True:
                now = counts()
                if all(b != n for b, n in zip(before, now)) and not stopped(process.pid):
                    break
                if time.monotonic() - killed > 2:
                    fail(f"round {number} (seed {seed}): the guest stands still")
                time.sleep(0.0005)
            took = time.monotonic() - killed
            worst = max(worst, took)
            if took > 0.1:
                fail(f"round {number} (seed {seed}): the guest ran again only after {took * 1e3:.0f} ms")
            capture.wait()
            attached += os.path.exists(os.path.join(directory, "k.mcap"))
            if process.poll() is not None:
                fail(f"round {number} (seed {seed}): the guest died")
        if attached < rounds / 4:
            fail(f"only {attached} of {rounds} captures had begun when they were killed")
        print(f"{rounds} kills; {attached} after the capture began, {found_stopped} found a thread stopped; "
              f"the guest ran again after {worst * 1e3:.1f} ms at worst")
        # And the next one attaches.
        subprocess.run([vmitap, "capture", f"local:{process.pid}", "--every", "1ms", "--read", "state", "--count", "10", "-o",
                        os.path.join(directory, "after.mcap")], check=True)
