#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Ctrl-Z at any moment of a capture in PAUSED mode leaves the guest running; fg goes on with the capture."""
import os
import random
import signal
import subprocess
import time

from harness import fail, guest, start_capture, temporary, wait_until


def state(pid):
    return open(f"/proc/{pid}/stat").read().rsplit(")", 1)[1].split()[0]


def stopped_threads(pid):
    found = []
    for task in os.listdir(f"/proc/{pid}/task"):
        if open(f"/proc/{pid}/task/{task}/stat").read().rsplit(")", 1)[1].split()[0] in "tT":
            found.append(task)
    return found


with temporary() as directory:
    with guest("heartbeat_guest", 2, os.path.join(directory, "beats")) as process:
        capture = start_capture(process, "--every", "200us", "--mode", "paused", "--read", "state", "--pause-budget", "100%", "-o",
                                os.path.join(directory, "z.mcap"), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        for number in range(60):
            time.sleep(random.uniform(0, 0.01))
            capture.send_signal(signal.SIGTSTP)
            wait_until("the capture's stop", lambda: state(capture.pid) == "T")
            if stopped_threads(process.pid):
                fail(f"round {number}: the guest is left stopped")
            capture.send_signal(signal.SIGCONT)
            wait_until("the capture's going on", lambda: state(capture.pid) != "T")
        capture.send_signal(signal.SIGINT)
        if capture.wait(20):
            fail(f"the capture ended with status {capture.returncode}")
        print("60 suspensions, none with the guest stopped")
