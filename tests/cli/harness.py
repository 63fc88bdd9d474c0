# SPDX-License-Identifier: MIT
"""What the command's tests share: the command as a user runs it, and a guest that does as it is told."""
import json
import os
import pathlib
import pty
import select
import signal
import subprocess
import sys
import tempfile
import time
import unittest

build = pathlib.Path(os.environ["VMITAP_BUILD"])
command = str(build / "vmitap")
guest_program = str(build / "bin" / "cli_guest")


def vmitap(*arguments, stdin=None, timeout=60, **run):
    """Runs it to its end; text in and out, neither of them a terminal."""
    return subprocess.run([command, *map(str, arguments)], input=stdin, capture_output=True, text=True, timeout=timeout, **run)


def wait_until(what, condition, seconds=30):
    deadline = time.monotonic() + seconds
    while not (result := condition()):
        if time.monotonic() > deadline:
            raise AssertionError(f"{what} did not happen within {seconds} s")
        time.sleep(0.02)
    return result


def listed(pid):
    guests = json.loads(vmitap("list", "--json").stdout)
    return next((guest for guest in guests if guest["id"] == pid), None)


def capturing(guest):
    """Its triggers are on; to be attached comes a moment before."""
    return (listed(guest.pid) or {}).get("capturing")


class Guest:
    """A running guest; do("tick 3") returns when it was done."""

    def __init__(self, program=guest_program, name=None):
        environment = dict(os.environ, **({"VMITAP_NAME": name} if name else {}))
        self.process = subprocess.Popen([program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment)
        self.pid = self.process.pid
        self.name = f"local:{self.pid}"
        wait_until("the guest's appearance", lambda: listed(self.pid))

    def tell(self, line):
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()

    def do(self, line):
        self.tell(line)
        assert self.process.stdout.readline() == "done\n", f"the guest did not do: {line}"

    def end(self):
        self.process.kill()
        self.process.wait()
        self.process.stdin.close()
        self.process.stdout.close()


class Case(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)

    def guest(self, *arguments, **named):
        guest = Guest(*arguments, **named)
        self.addCleanup(guest.end)
        return guest

    def start(self, guest, *arguments, **popen):
        """Starts a capture; returns when its triggers are on."""
        popen.setdefault("stdout", subprocess.PIPE)
        popen.setdefault("stderr", subprocess.PIPE)
        capture = subprocess.Popen([command, "capture", guest.name, *map(str, arguments)], cwd=self.folder, **popen)
        self.addCleanup(self.finish, capture)
        wait_until("the capture's start", lambda: capture.poll() is not None or capturing(guest))
        return capture

    @staticmethod
    def finish(process):
        if process.poll() is None:
            process.kill()
        process.wait()
        for stream in (process.stdout, process.stderr, process.stdin):
            if stream:
                stream.close()

    def ends(self, process, code=0, seconds=60):
        """Waits for its end; returns (stdout, stderr) as text."""
        out, err = process.communicate(timeout=seconds)
        out, err = (text.decode(errors="replace") if text is not None else "" for text in (out, err))
        self.assertEqual(process.returncode, code, f"stdout: {out}\nstderr: {err}")
        return out, err

    def fails(self, result, code, *texts):
        """The command ended with this code, said all of this on stderr, and did not crash."""
        self.assertEqual(result.returncode, code, result.stderr)
        for text in texts:
            self.assertIn(text, result.stderr)
        self.assertTrue(result.stderr.startswith("vmitap: "), result.stderr)
        self.assertGreaterEqual(len(result.stderr.splitlines()), 2, "an error without a remedy: " + result.stderr)

    def captured(self, *arguments, ticks=5):
        """A guest that ticked, and its capture, closed well."""
        file = self.folder / "captured.mcap"
        guest = self.guest()
        capture = self.start(guest, "--on", "tick", "-o", file, "--count", ticks, *arguments)
        guest.do(f"tick {ticks}")
        self.ends(capture)
        return file

    def records(self, file, *arguments):
        result = vmitap("decode", file, *arguments)
        self.assertEqual(result.returncode, 0, result.stderr)
        return [json.loads(line) for line in result.stdout.splitlines()]

    def info(self, file):
        result = vmitap("info", file, "--json")
        self.assertEqual(result.returncode, 0, result.stderr)
        return json.loads(result.stdout)


class Terminal:
    """A process on a terminal of its own, as a person has it."""

    def __init__(self, *arguments, cwd=None, environment=None, program=command):
        self.master, slave = pty.openpty()
        self.process = subprocess.Popen([program, *map(str, arguments)], stdin=slave, stdout=slave, stderr=slave, cwd=cwd,
                                        env=environment or dict(os.environ, TERM="xterm"), start_new_session=True,
                                        preexec_fn=lambda: __import__("fcntl").ioctl(0, __import__("termios").TIOCSCTTY, 0))
        self.slave = slave
        self.seen = ""

    def type(self, keys):
        os.write(self.master, keys.encode())

    def read(self, seconds=0.1):
        while select.select([self.master], [], [], seconds)[0]:
            try:
                text = os.read(self.master, 65536)
            except OSError:
                break
            self.seen += text.decode(errors="replace")
        return self.seen

    def shows(self, text):
        wait_until(f"'{text}' on the terminal (seen: {self.seen!r})", lambda: text in self.read())

    def ends(self):
        def over():
            self.read(0.02)
            return self.process.poll() is not None
        wait_until("the end", over)
        self.read()
        return self.process.returncode

    def close(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        os.close(self.master)
        os.close(self.slave)


def main():
    unittest.main(argv=[sys.argv[0], "-v", *sys.argv[1:]])
