#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The manual trigger: keys at a terminal, and `vmitap trigger` from elsewhere; progress while it runs."""
import os
import re
import signal
import subprocess
import termios

from harness import Case, Terminal, capturing, command, main, vmitap, wait_until


class Keys(Case):
    def terminal(self, guest, *arguments, **named):
        terminal = Terminal("capture", guest.name, *arguments, cwd=self.folder, **named)
        self.addCleanup(terminal.close)
        self.before = termios.tcgetattr(terminal.slave)
        wait_until("the capture's start", lambda: terminal.read(0.01) is not None and capturing(guest))
        terminal.shows("0 records")
        return terminal

    def restored(self, terminal):
        self.assertTrue(termios.tcgetattr(terminal.slave)[3] & termios.ICANON)
        self.assertTrue(termios.tcgetattr(terminal.slave)[3] & termios.ECHO)

    def test_space_and_enter_fire_and_q_ends(self):
        guest = self.guest()
        terminal = self.terminal(guest, "--read", "stats.ticks", "-o", "keys.mcap")
        self.assertFalse(termios.tcgetattr(terminal.slave)[3] & termios.ICANON)
        guest.do("tick 2")
        terminal.type(" ")
        terminal.shows("1 record ")
        guest.do("tick 3")
        terminal.type("\n")
        terminal.shows("2 records")
        terminal.type("x")  # means nothing
        terminal.type("q")
        self.assertEqual(terminal.ends(), 0)
        self.restored(terminal)
        self.assertIn("2 records in ", terminal.seen)
        records = self.records(self.folder / "keys.mcap")
        self.assertEqual([(r["trigger"], r["values"]["stats.ticks"]) for r in records], [("manual", 2), ("manual", 5)])

    def test_control_c_ends_well_and_gives_the_terminal_back(self):
        guest = self.guest()
        terminal = self.terminal(guest, "--read", "stats", "-o", "keys.mcap")
        terminal.type("\x03")
        self.assertEqual(terminal.ends(), 0)
        self.restored(terminal)
        self.assertTrue(self.info(self.folder / "keys.mcap")["complete"])

    def test_a_guest_that_ends_and_a_signal_give_the_terminal_back(self):
        guest = self.guest()
        terminal = self.terminal(guest, "--read", "stats", "-o", "keys.mcap")
        guest.tell("exit 0")
        self.assertEqual(terminal.ends(), 0)
        self.restored(terminal)
        terminal = self.terminal(self.guest(), "--read", "stats", "-o", "keys.mcap")
        terminal.process.send_signal(signal.SIGQUIT)
        self.assertEqual(terminal.ends(), 128 + signal.SIGQUIT)
        self.restored(terminal)

    def test_a_capture_that_cannot_start_gives_the_terminal_back(self):
        guest = self.guest()
        terminal = Terminal("capture", guest.name, "--on", "tock", cwd=self.folder)
        self.addCleanup(terminal.close)
        self.assertEqual(terminal.ends(), 1)
        self.restored(terminal)

    def test_progress_tells_rate_losses_pauses_and_bytes_and_is_not_in_pipes(self):
        guest = self.guest()
        terminal = self.terminal(guest, "--every", "1ms", "--read", "stats", "-o", "progress.mcap")
        terminal.shows("/s   0 lost   paused ")
        terminal.type("q")
        self.assertEqual(terminal.ends(), 0)
        self.assertRegex(terminal.seen, r"00:0\d   [\d,]+ records   [\d,]+/s   0 lost   paused \d+\.\d\d %   [\d.]+ .?B")
        piped = vmitap("capture", guest.name, "--every", "1ms", "--read", "stats", "--for", "600ms", "-o", self.folder / "piped.mcap")
        self.assertEqual(len(piped.stderr.splitlines()), 1)
        self.assertEqual(piped.stdout, "")
        self.assertNotIn("\033", piped.stderr)

    def test_in_the_background_it_leaves_the_terminal_to_the_shell(self):
        guest = self.guest()
        terminal = Terminal("-mc", '"$@" & wait $!', "bash", command, "capture", guest.name, "--every", "1ms", "--read", "stats",
                            "--for", "1s", "-o", "background.mcap", program="bash", cwd=self.folder)
        self.addCleanup(terminal.close)
        self.assertEqual(terminal.ends(), 0)
        self.assertIn(" to background.mcap", terminal.seen)
        self.assertNotIn("\033[K", terminal.seen)


class Trigger(Case):
    def test_fires_the_rules_that_need_no_arguments(self):
        guest = self.guest()
        (self.folder / "rules.toml").write_text('[[rule]]\non = "tick"\n'
                                                '[[rule]]\nname = "look"\nread = "stats.ticks"\n'
                                                '[[rule]]\nname = "slow"\nevery = "1h"\nread = ["history[0]"]\n')
        capture = self.start(guest, "--rule", "rules.toml", "-o", "t.mcap")
        guest.do("tick 3")
        result = vmitap("trigger", guest.name)
        self.assertEqual((result.returncode, result.stderr), (0, ""))
        self.assertIn("2 rules fired", result.stdout)
        capture.send_signal(signal.SIGTERM)
        self.ends(capture)
        manual = {r["rule"]: r["values"] for r in self.records(self.folder / "t.mcap") if r["trigger"] == "manual"}
        self.assertEqual(manual, {"look": {"stats.ticks": 3}, "slow": {"history[0]": 3}})

    def test_tells_that_no_rule_can_fire(self):
        guest = self.guest()
        self.start(guest, "--on", "tick", "-o", "t.mcap")
        self.fails(vmitap("trigger", guest.name), 1, "no rule", "needs the arguments")

    def test_many_at_once_are_all_answered(self):
        guest = self.guest()
        capture = self.start(guest, "--read", "stats", "-o", "t.mcap")
        asking = [subprocess.Popen([command, "trigger", guest.name], stdout=subprocess.PIPE) for _ in range(20)]
        for process in asking:
            self.assertIn(b"1 rule fired", process.communicate(timeout=30)[0])
        capture.send_signal(signal.SIGINT)
        self.ends(capture)
        self.assertEqual(self.info(self.folder / "t.mcap")["records"], 20)


main()
