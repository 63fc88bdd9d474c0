#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Of several guests, those that cannot be listed, attached or armed are left out; the others lose nothing."""
import contextlib
import errno
import os
import select
import signal
import socket
import struct
import subprocess
import time

from harness import Flood, check, end, fail, info, records, start, temporary, vmitap, wait_until

WELCOME, LIST, ATTACH, ARM, REFUSED = 1, 64, 65, 66, 8  # control_abi.h
options = ["--on", "flood", "--mode", "sync", "--sync-timeout", "20s", "--read", "state"]


def refuses(reason, detail=0):
    return lambda host: host.send(struct.pack("=IIII", REFUSED, 16, reason, detail))


def is_silent(host):
    pass


def says_garbage(host):
    host.send(b"garbage")


def hangs_up(host):
    host.shutdown(socket.SHUT_RDWR)


class Stranger:
    """Stands at an address of its own before a real guest and hands on what is said, until one says `at`: then it behaves."""

    def __init__(self, guest, at, behave):
        self.ended, told = os.pipe()
        self.pid = os.fork()
        if self.pid == 0:
            signal.signal(signal.SIGCHLD, signal.SIG_IGN)
            with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as listener:
                listener.bind(f"\0vmitap/guest/{os.getpid()}")
                listener.listen()
                while True:
                    host, _ = listener.accept()
                    if os.fork() == 0:
                        self.stand_between(host, guest.pid, at, behave)
                        os.write(told, b"e")
                        os._exit(0)
                    host.close()
        os.close(told)
        self.name = f"local:{self.pid}"
        wait_until("the stranger's appearance", lambda: f"@vmitap/guest/{self.pid}\n" in open("/proc/net/unix").read())

    @staticmethod
    def stand_between(host, pid, at, behave):
        guest = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        guest.connect(f"\0vmitap/guest/{pid}")
        while True:
            for source in select.select([host, guest], [], [])[0]:
                packet, descriptors, _, _ = socket.recv_fds(source, 1 << 17, 8)
                if not packet:
                    return
                if packet[:4] == struct.pack("=I", at):
                    behave(host)
                else:
                    socket.send_fds(guest if source is host else host, [packet], descriptors)
                for descriptor in descriptors:
                    os.close(descriptor)

    def __enter__(self):
        return self

    def __exit__(self, *unused):
        os.kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)
        os.close(self.ended)


def begin(guests, file):
    names = [guest.name for guest in guests]
    capture = subprocess.Popen([vmitap, "capture", *names, *options, "-o", file], stderr=subprocess.PIPE, text=True)
    wait_until("the capture's start", lambda: capture.poll() is not None or os.path.exists(file), 60)
    return capture


def cannot_start(names, words, *arguments):
    refused = subprocess.run([vmitap, "capture", *names, *(arguments or options), "-o", file], capture_output=True, text=True, timeout=60)
    if refused.returncode != 1 or words not in refused.stderr or os.path.exists(file):
        fail(f"{names}: {refused.returncode} {refused.stderr}")


def records_until(file, count):
    """How many there are once the output, flushed twice a second, has so many, or does not grow to it."""
    deadline = time.monotonic() + 4  # less than an answer is waited for
    while (seen := sum(1 for _ in records(file))) < count and time.monotonic() < deadline:
        time.sleep(0.2)
    return seen


silent = ("waited too long", "then try again")
broken = ("broke the contract", "damaged or hostile")
strangers = [
    (LIST, is_silent, *silent),
    (LIST, says_garbage, *broken),
    (ATTACH, is_silent, *silent),
    (ATTACH, refuses(4, errno.ENOMEM), "Cannot allocate memory", "vmitap doctor"),
    (ATTACH, hangs_up, "is gone", "start the guest again"),
    (ARM, is_silent, *silent),
    (ARM, says_garbage, *broken),
    (ARM, refuses(3), "knows no such trigger", "vmitap list"),
    (WELCOME, says_garbage, *broken),
]

with temporary() as directory, contextlib.ExitStack() as stack:
    file = os.path.join(directory, "left_out.mcap")
    flood = lambda threads=1: stack.enter_context(Flood(directory, threads))
    good, busy = flood(2), flood()
    other = start(busy, *options, "-o", file + ".other")
    behind = [flood() for _ in strangers]
    bad = [stack.enter_context(Stranger(guest, at, behave)) for guest, (at, behave, *_) in zip(behind, strangers)]
    # One alone, several and no good one among them, and a mistake of the user's: nothing begins.
    cannot_start([bad[7].name], "knows no such trigger")
    cannot_start([bad[1].name, bad[6].name], "broke the contract")
    cannot_start([bad[3].name, good.name], "nothing is called", "--on", "floot")
    cannot_start([good.name, bad[3].name], "column", *options, "--read", "state.")

    guests = [*bad[:4], good, busy, *bad[4:]]
    began = time.monotonic()
    capture = begin(guests, file)
    took = time.monotonic() - began
    good.do("pace 300")  # while those who do not answer are waited for
    check("the good one's records", records_until(file, sum(good.fired())), sum(good.fired()))
    served = time.monotonic() - began
    if select.select([bad[5].ended], [], [], 0)[0]:
        fail("the output waited for who does not answer")
    for stranger in bad[5:]:  # it is let go at once, so that its triggers are off
        if not select.select([stranger.ended], [], [], 20)[0]:
            fail(f"{stranger.name} is still held")
    check("the capture", capture.poll(), None)
    said = end(capture, 3)
    check("the other capture", other.poll(), None)
    end(other)

    expected = {stranger.name: words for stranger, (_, _, *words) in zip(bad, strangers)}
    expected[busy.name] = (f"captured already, by process {other.pid}", "end the other capture first")
    lines = said.splitlines()
    for name, (what, remedy) in expected.items():
        if not any(name in line and what in line and remedy in after for line, after in zip(lines, lines[1:])):
            fail(f"{name}: \"{what}\" and \"{remedy}\" are not in {said}")
    if f"begins with 1 of {len(guests)} guests" not in said or "goes on with" in said:
        fail(f"what it begins with is not told once: {said}")
    described = info(file)
    check("the guests", [guest["name"] for guest in described["guests"]], [guest.name for guest in guests])
    check("who is left out", {end["guest"]: end["left_out"] for end in described["guests_ended"]}, dict.fromkeys(expected, True))
    for left in described["guests_ended"]:
        if not left["how"].startswith("could not be captured: ") or expected[left["guest"]][0] not in left["how"]:
            fail(f"{left}")
    check("whose records", {record["guest"] for record in records(file)}, {good.name})
    check("the records", (described["records"], described["lost"], described["ended_by"]), (sum(good.fired()), 0, "interrupted"))
    print(f"{len(expected)} of {len(guests)} guests were left out, the output began after {took:.1f} s;"
          f" the good one's {described['records']} fires were all there after {served:.1f} s")
