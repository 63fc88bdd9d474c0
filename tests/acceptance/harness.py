# SPDX-License-Identifier: MIT
"""What the acceptance tests share: the command, guests, and what is read back."""
import contextlib
import json
import pathlib
import signal
import subprocess
import sys
import tempfile
import time

build = pathlib.Path(sys.argv[1])
vmitap = build / "vmitap"


def fail(text):
    sys.exit(f"FAILED: {text}")


def wait_until(what, condition, seconds=20):
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            fail(f"{what} did not happen within {seconds} s")
        time.sleep(0.02)


def listed(pid):
    output = subprocess.run([vmitap, "list", "--json"], check=True, capture_output=True).stdout
    document = json.loads(output)
    guests = document if isinstance(document, list) else document["guests"]
    return next((g for g in guests if g.get("id") == pid), None)


@contextlib.contextmanager
def guest(name, *arguments):
    process = subprocess.Popen([build / "bin" / name, *map(str, arguments)], stdin=subprocess.PIPE)
    try:
        wait_until(f"{name}'s appearance", lambda: listed(process.pid))
        yield process
    finally:
        process.kill()
        process.wait()


def start_capture(process, *arguments, **popen):
    """Starts a capture and returns once its triggers are armed."""
    return start_captures([process], *arguments, **popen)


def start_captures(processes, *arguments, **popen):
    """The same for several guests in one capture."""
    names = [f"local:{process.pid}" for process in processes]
    capture = subprocess.Popen([vmitap, "capture", *names, *map(str, arguments)], **popen)
    armed = lambda: all((listed(process.pid) or {}).get("capturing") for process in processes)
    wait_until("the capture's start", lambda: capture.poll() is not None or armed())
    return capture


def start(guests, *arguments):
    """The same, for floods; what it says can be read."""
    guests = guests if isinstance(guests, list) else [guests]
    return start_captures(guests, *arguments, stderr=subprocess.PIPE, text=True)


class Flood:
    """A flood_guest: fires as it is told, and counts its fires where they can be read after its death."""

    def __init__(self, directory, threads=4, *arguments):
        self.threads = threads
        self.counts = pathlib.Path(directory) / f"counts.{time.monotonic_ns()}"
        self.process = subprocess.Popen([build / "bin" / "flood_guest", str(threads), self.counts, *arguments],
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.pid = self.process.pid
        self.name = f"local:{self.pid}"
        wait_until("flood_guest's appearance", lambda: listed(self.pid))

    def __enter__(self):
        return self

    def __exit__(self, *unused):
        self.process.kill()
        self.process.wait()

    def tell(self, line):
        self.process.stdin.write(line.encode() + b"\n")
        self.process.stdin.flush()

    def do(self, line):
        self.tell(line)
        if self.process.stdout.readline() != b"done\n":
            fail(f"the guest did not answer \"{line}\"")

    def fired(self):
        """What each thread counted."""
        content = self.counts.read_bytes()
        return [int.from_bytes(content[8 * t:8 * t + 8], "little") for t in range(self.threads)]


def end(capture, code=0, seconds=60):
    """Ends a capture as Ctrl-C does. What it said."""
    if capture.poll() is None:
        capture.send_signal(signal.SIGINT)
    return ended(capture, code, seconds)


def ended(capture, code=0, seconds=60):
    try:
        _, said = capture.communicate(timeout=seconds)
    except subprocess.TimeoutExpired:
        fail(f"the capture did not end within {seconds} s")
    if capture.returncode != code:
        fail(f"the capture ended with {capture.returncode} instead of {code}: {said}")
    return said


def check(what, seen, expected):
    if seen != expected:
        fail(f"{what}: {seen} instead of {expected}")


def records(path):
    decode = subprocess.Popen([vmitap, "decode", path, "--format", "jsonl"], stdout=subprocess.PIPE)
    for line in decode.stdout:
        record = json.loads(line)
        if "values" in record or "args" in record:
            yield record
    if decode.wait():
        fail("decode failed")


def info(path):
    return json.loads(subprocess.run([vmitap, "info", path, "--json"], check=True, capture_output=True).stdout)


temporary = tempfile.TemporaryDirectory
