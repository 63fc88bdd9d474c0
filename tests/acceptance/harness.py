# SPDX-License-Identifier: MIT
"""What the acceptance tests share: the command, guests, and what is read back."""
import contextlib
import json
import pathlib
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
    capture = subprocess.Popen([vmitap, "capture", f"local:{process.pid}", *map(str, arguments)], **popen)
    wait_until("the capture's start", lambda: capture.poll() is not None or (listed(process.pid) or {}).get("capturing"))
    return capture


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
