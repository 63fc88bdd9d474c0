#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""500 times a SIGKILL at a random moment to a capture in PAUSED mode: the guest runs again within 100 ms.

Beside it runs the same program, which nobody captures: when the machine is so busy that this one stood still, too, the
round says nothing and is taken again.
"""
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


class Beats:
    """How often each thread of a heartbeat_guest has been round."""

    def __init__(self, file, count):
        self.mapped, self.count = mmap.mmap(os.open(file, os.O_RDONLY), 4096, prot=mmap.PROT_READ), count

    def now(self):
        return [int.from_bytes(self.mapped[t * 64:t * 64 + 8], "little") for t in range(self.count)]

    def all_moved(self, since):
        return all(b != n for b, n in zip(since, self.now()))


with temporary() as directory:
    beats_file, control_file = os.path.join(directory, "beats"), os.path.join(directory, "control")
    with guest("heartbeat_guest", threads, beats_file) as process, guest("heartbeat_guest", 1, control_file):
        beats, control = Beats(beats_file, threads), Beats(control_file, 1)
        worst = 0.0
        attached = found_stopped = number = too_busy = 0
        while number < rounds:
            capture = subprocess.Popen([vmitap, "capture", f"local:{process.pid}", "--every", "200us", "--mode", "paused",
                                        "--read", "state", "--pause-budget", "100%", "-o", os.path.join(directory, "k.mcap")],
                                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            time.sleep(random.uniform(0.0, 0.25))
            if capture.poll() is not None:
                fail(f"round {number} (seed {seed}): the capture ended by itself with status {capture.returncode}")
            capture.kill()
            killed = time.monotonic()
            found_stopped += stopped(process.pid)
            before, control_before, control_took = beats.now(), control.now(), None
            looked, longest_look = killed, 0.0
            while True:
                runs = beats.all_moved(before) and not stopped(process.pid)
                now = time.monotonic()
                longest_look, looked = max(longest_look, now - looked), now
                if control_took is None and control.all_moved(control_before):
                    control_took = now - killed
                if runs:
                    break
                if now - killed > 2:
                    fail(f"round {number} (seed {seed}): the guest stands still")
                time.sleep(0.0005)
            took = now - killed
            capture.wait()
            if took > 0.1:
                # Neither the guest that nobody captures nor this script got a core in time.
                if control_took is None or control_took > 0.05 or longest_look > 0.05:
                    too_busy += 1
                    if too_busy > rounds / 10:
                        fail(f"the machine is too busy to tell: {too_busy} of {number} rounds")
                    continue
                fail(f"round {number} (seed {seed}): the guest ran again only after {took * 1e3:.0f} ms")
            worst = max(worst, took)
            number += 1
            attached += os.path.exists(os.path.join(directory, "k.mcap"))
            if process.poll() is not None:
                fail(f"round {number} (seed {seed}): the guest died")
        if attached < rounds / 4:
            fail(f"only {attached} of {rounds} captures had begun when they were killed")
        print(f"{rounds} kills; {attached} after the capture began, {found_stopped} found a thread stopped, {too_busy} taken again; "
              f"the guest ran again after {worst * 1e3:.1f} ms at worst")
        # And the next one attaches.
        subprocess.run([vmitap, "capture", f"local:{process.pid}", "--every", "1ms", "--read", "state", "--count", "10", "-o",
                        os.path.join(directory, "after.mcap")], check=True)
