#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""list and doctor: what runs here, and what works."""
import json
import os
import shutil
import signal
import subprocess

from harness import Case, Terminal, command, guest_program, listed, main, vmitap


class List(Case):
    def test_shows_a_guest_with_typed_triggers_and_marks(self):
        guest = self.guest(name="test-guest")
        result = vmitap("list")
        self.assertEqual((result.returncode, result.stderr), (0, ""))
        for text in ["local:test-guest", f"local:{guest.pid}", "tick(value: uint32_t, stats.mean: double)", "cli_guest.c:",
                     "look(entry: struct entry *)", "struct {...} stats", "uint32_t history[8]", "struct entry *head"]:
            self.assertIn(text, result.stdout)
        self.assertNotIn("\033", result.stdout)

    def test_json_has_what_scripts_need(self):
        guest = self.guest(name="json-guest")
        entry = listed(guest.pid)
        self.assertEqual((entry["guest"], entry["name"], entry["captured_by"], entry["problem"]),
                         (guest.name, "json-guest", 0, ""))
        self.assertEqual(os.path.realpath(entry["program"]), os.path.realpath(guest_program))
        tick = next(t for t in entry["triggers"] if t["name"] == "tick")
        self.assertEqual([(a["name"], a["type"], a["offset"]) for a in tick["arguments"]],
                         [("value", "uint32_t", 0), ("stats.mean", "double", 8)])
        stats = next(m for m in entry["marks"] if m["name"] == "stats")
        self.assertEqual(stats["size"], 24)
        self.assertEqual(len(entry["objects"][0]["build_id"]), 40)

    def test_tells_who_captures(self):
        guest = self.guest()
        capture = self.start(guest, "--on", "tick", "-o", "x.mcap")
        self.assertEqual((listed(guest.pid)["captured_by"], listed(guest.pid)["capturing"]), (capture.pid, True))
        self.assertIn(f"captured by process {capture.pid}", vmitap("list").stdout)
        capture.send_signal(signal.SIGINT)
        self.ends(capture)
        self.assertEqual((listed(guest.pid)["captured_by"], listed(guest.pid)["capturing"]), (0, False))

    def test_a_guest_without_debug_information_is_listed_with_the_remedy(self):
        stripped = self.folder / "stripped"
        subprocess.run(["objcopy", "--strip-debug", guest_program, stripped], check=True)
        guest = self.guest(str(stripped))
        entry = listed(guest.pid)
        self.assertEqual({t["name"] for t in entry["triggers"]}, {"tick", "look", "busy"})
        look = next(t for t in entry["triggers"] if t["name"] == "look")
        self.assertEqual(look["arguments"], [{"name": "entry"}])  # its witness is none
        self.assertIn("no debug information", entry["objects"][0]["problem"])
        self.assertIn("build it with -g", text := vmitap("list").stdout)
        self.assertIn(" look(entry) ", text)

    def test_colours_are_for_terminals_and_for_people_who_want_them(self):
        self.guest()
        for environment, coloured in [({"TERM": "xterm"}, True), ({"TERM": "xterm", "NO_COLOR": "1"}, False), ({"TERM": "dumb"}, False)]:
            clean = {k: v for k, v in os.environ.items() if k not in ("NO_COLOR", "TERM")}
            terminal = Terminal("list", environment=dict(clean, **environment))
            self.assertEqual(terminal.ends(), 0)
            self.assertIn("local:", terminal.seen)
            self.assertEqual("\033[1m" in terminal.seen, coloured)
            terminal.close()

    def test_a_full_disk_is_an_error(self):
        self.guest()
        with open("/dev/full", "w") as full:
            result = subprocess.run([command, "list"], stdout=full, stderr=subprocess.PIPE, text=True)
        self.fails(result, 1, "No space left on device")


class Doctor(Case):
    def test_says_what_works_on_this_machine(self):
        result = vmitap("doctor")
        self.assertEqual(result.returncode, 0, result.stdout)
        self.assertIn("pausing guests (ptrace)", result.stdout)
        self.assertIn("vmitap works here.", result.stdout)

    def test_looks_at_a_guest_and_its_types(self):
        guest = self.guest()
        result = vmitap("doctor", guest.name)
        self.assertEqual(result.returncode, 0, result.stdout)
        self.assertRegex(result.stdout, r"ok +asking it for its triggers and marks +\d+ places with triggers, 3 marks")
        self.assertRegex(result.stdout, r"ok +types of cli_guest")

    def test_finds_what_fails_and_the_remedy(self):
        self.assertIn("FAILS", (result := vmitap("doctor", "local:999999999")).stdout)
        self.assertEqual(result.returncode, 1)
        stripped = self.folder / "stripped"
        subprocess.run(["objcopy", "--strip-debug", guest_program, stripped], check=True)
        result = vmitap("doctor", self.guest(str(stripped)).name)
        self.assertEqual(result.returncode, 1)
        self.assertIn("→ build it with -g", result.stdout)
        process = subprocess.Popen(["sleep", "60"])
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        result = vmitap("doctor", f"local:{process.pid}")
        self.assertEqual(result.returncode, 1)
        self.assertIn("is not a vmitap guest", result.stdout)


main()
