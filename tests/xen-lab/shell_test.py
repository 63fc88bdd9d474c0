#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Usage: shell_test.py BUILD: uses the shell of `make lab` as somebody at a terminal would, and ends it."""

import os
import pathlib
import pty
import re
import select
import sys
import time

HERE = pathlib.Path(__file__).resolve().parent
PROMPT = r"dom0:~# (\x1b\[6n)?$"  # busybox asks where the cursor stands


class Terminal:
    def __init__(self, command):
        self.child, self.screen = pty.fork()
        if self.child == 0:
            os.execv(command[0], command)
        self.shown = ""

    def until(self, pattern, seconds):
        """What is shown until the pattern matches at its end."""
        end = time.monotonic() + seconds
        while not re.search(pattern, self.shown):
            ready, _, _ = select.select([self.screen], [], [], max(0, end - time.monotonic()))
            try:
                piece = os.read(self.screen, 4096) if ready else b""
            except OSError:  # Linux says EIO once the other side is closed
                piece = b""
            if not piece:
                sys.exit(f"shell_test: nothing matched {pattern!r}; shown was:\n{self.shown}")
            self.shown += piece.decode(errors="replace")
        seen, self.shown = self.shown, ""
        return seen

    def say(self, line):
        os.write(self.screen, line.encode() + b"\r")

    def status(self, seconds):
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            ready, _, _ = select.select([self.screen], [], [], 0.2)
            try:
                if ready:
                    os.read(self.screen, 4096)
            except OSError:
                pass
            pid, status = os.waitpid(self.child, os.WNOHANG)
            if pid:
                return os.waitstatus_to_exitcode(status)
        sys.exit("shell_test: 'exit' did not end it")


def main():
    terminal = Terminal([str(HERE / "try.sh"), sys.argv[1]])
    greeting = terminal.until(PROMPT, 300)
    for word in ("vmitap list", "vmitap capture", "kernel:jiffies"):
        assert word in greeting, greeting
    terminal.say("vmitap list")
    listed = terminal.until(PROMPT, 30)
    assert "xen:pv" in listed and "xen:pvh" in listed, listed
    terminal.say("vmitap capture xen:pv --every 100ms --read 'kernel:jiffies:unsigned long' --count 2 -o - | tail -n 2; echo done")
    captured = terminal.until(r"done\s+" + PROMPT, 60)
    assert '"kernel:jiffies:unsigned long":' in captured, captured
    terminal.say("(while sleep 1; do guest pv true; done) 2>/dev/null & vmitap capture xen:pv --debug-dir debug --on packet.rx --count 10 "
                 "--read 'sk->snd_cwnd' -o - | grep -c '\"ip_version\":4'; kill $!; echo packets")
    packets = terminal.until(r"\npackets\s[\s\S]*" + PROMPT, 60)
    assert re.search(r"\n\s*([1-9]|10)\s", packets), packets
    terminal.say("guest pvh 'uname -s; exit 5'; echo status $?")
    answer = terminal.until(PROMPT, 30)
    assert "Linux" in answer and "status 5" in answer, answer
    terminal.say("sleep 100")
    time.sleep(1)
    os.write(terminal.screen, b"\x03")  # Ctrl-C is for what runs in dom0, not for the lab
    terminal.until(PROMPT, 10)
    terminal.say("exit")
    status = terminal.status(60)
    assert status in (0, 130), status
    print("shell_test: ok")


if __name__ == "__main__":
    main()
