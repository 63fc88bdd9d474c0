#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""How a capture ends: as asked, by signals, by its guest, by its output. What was captured is kept."""
import json
import os
import resource
import signal
import subprocess
import time

from harness import Case, capturing, command, listed, main, vmitap, wait_until


class Endings(Case):
    def test_count_and_time(self):
        guest = self.guest()
        file = self.folder / "count.mcap"
        result = vmitap("capture", guest.name, "--every", "1ms", "--read", "stats", "--count", "20", "-o", file)
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertIn("20 records", result.stderr)
        self.assertEqual(len(self.records(file)), 20)
        self.assertEqual(self.info(file)["ended_by"], "count reached")
        result = vmitap("capture", guest.name, "--on", "tick", "--for", "200ms", "-o", file)
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertEqual((self.info(file)["records"], self.info(file)["complete"]), (0, True))

    def test_signals_end_it_well(self):
        for number, why in [(signal.SIGINT, "interrupted"), (signal.SIGTERM, "terminated"), (signal.SIGHUP, "hung up")]:
            with self.subTest(number):
                guest = self.guest()
                file = self.folder / f"{why}.mcap"
                capture = self.start(guest, "--on", "tick", "-o", file)
                guest.do("tick 7")
                capture.send_signal(number)
                _, err = self.ends(capture)
                self.assertIn("7 records", err)
                self.assertIn(why, err)
                described = self.info(file)
                self.assertEqual((described["complete"], described["records"], described["ended_by"]), (True, 7, why))
                guest.do("tick 1")  # it runs on

    def test_a_guest_that_ends_ends_the_capture(self):
        guest = self.guest()
        file = self.folder / "exit.mcap"
        capture = self.start(guest, "--on", "tick", "-o", file)
        guest.do("tick 5")
        guest.tell("exit 3")
        _, err = self.ends(capture)
        self.assertIn("exited with status 3", err)
        described = self.info(file)
        self.assertEqual((described["complete"], described["records"]), (True, 5))
        self.assertIn("exited with status 3", described["ended_by"])

    def test_a_guest_that_is_killed_or_execs(self):
        for what, why in [("kill", "signal 9"), ("exec", "exec")]:
            with self.subTest(what):
                guest = self.guest()
                file = self.folder / f"{what}.mcap"
                capture = self.start(guest, "--on", "tick", "-o", file)
                guest.do("tick 5")
                guest.process.kill() if what == "kill" else guest.tell("exec")
                _, err = self.ends(capture)
                self.assertIn(why, err)
                self.assertEqual(self.info(file)["records"], 5)

    def test_a_guest_that_forks_goes_on_and_its_child_is_not_captured(self):
        guest = self.guest()
        capture = self.start(guest, "--on", "tick", "-o", "fork.mcap")
        guest.do("fork")
        guest.do("tick 5")
        capture.send_signal(signal.SIGINT)
        self.ends(capture)
        self.assertEqual(self.info(self.folder / "fork.mcap")["records"], 5)

    def test_a_null_pointer_is_told_in_the_record(self):
        guest = self.guest()
        file = self.folder / "wild.mcap"
        capture = self.start(guest, "--on", "look", "--read", "entry->name,head->next->name", "-o", file)
        guest.do("wild")
        guest.do("look")
        capture.send_signal(signal.SIGINT)
        self.ends(capture)
        wild, good = self.records(file)
        self.assertEqual(wild["unread"], [{"value": "entry->name", "reason": "NULL_POINTER"}])
        self.assertEqual(wild["values"], {"head->next->name": "second"})
        self.assertEqual(good["values"], {"entry->name": "first", "head->next->name": "second"})
        self.assertEqual(self.info(file)["rules"][0]["unread"], {"entry->name": 1})

    def test_a_full_device_is_told_and_ends_with_3_or_before_it_starts(self):
        guest = self.guest()
        result = vmitap("capture", guest.name, "--every", "1ms", "--read", "stats", "-o", "/dev/full")
        self.assertIn(result.returncode, (1, 3))
        self.fails(result, result.returncode, "No space left on device")
        guest.do("tick 1")

    def test_a_disk_that_fills_keeps_what_was_captured(self):
        guest = self.guest()
        file = self.folder / "full.mcap"
        limit = 120_000
        result = vmitap("capture", guest.name, "--every", "100us", "--read", "stats,history,*head", "--mode", "live", "-o", file,
                        preexec_fn=lambda: (signal.signal(signal.SIGXFSZ, signal.SIG_IGN),
                                            resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))))
        self.fails(result, 3, "full.mcap", "File too large", "are kept")
        self.assertLessEqual(file.stat().st_size, limit)
        described = self.info(file)
        self.assertFalse(described["complete"])
        self.assertGreater(described["records"], 100)
        self.assertEqual(len(self.records(file)), described["records"])
        guest.do("tick 1")
        self.assertEqual(vmitap("capture", guest.name, "--every", "1ms", "--read", "stats", "--count", "3", "-o", file).returncode, 0)

    def test_a_killed_host_leaves_a_guest_that_runs_and_can_be_captured_again(self):
        guest = self.guest()
        file = self.folder / "killed.mcap"
        capture = self.start(guest, "--every", "1ms", "--read", "stats", "-o", file)
        time.sleep(1.5)  # one flush is due each second
        capture.kill()
        capture.wait()
        guest.do("tick 5")
        described = self.info(file)
        self.assertFalse(described["complete"])
        self.assertGreater(described["records"], 0)
        again = vmitap("capture", guest.name, "--every", "1ms", "--read", "stats.ticks", "--count", "3", "-o", self.folder / "again.mcap")
        self.assertEqual(again.returncode, 0, again.stderr)
        self.assertEqual(self.records(self.folder / "again.mcap")[0]["values"], {"stats.ticks": 5})

    def test_one_request_to_end_may_come_twice(self):
        file = self.folder / "twice.mcap"
        capture = self.start(self.guest(), "--every", "1ms", "--read", "stats", "-o", file)
        capture.send_signal(signal.SIGTERM)
        capture.send_signal(signal.SIGTERM)
        self.ends(capture)
        self.assertTrue(self.info(file)["complete"])

    def test_a_second_interrupt_ends_at_once(self):
        # A reader that does not read: the first interrupt waits for it.
        guest = self.guest()
        capture = self.start(guest, "--every", "50us", "--mode", "live", "--read", "stats,history", "-o", "-")
        time.sleep(1.5)
        capture.send_signal(signal.SIGINT)
        time.sleep(0.3)
        self.assertIsNone(capture.poll())
        capture.send_signal(signal.SIGINT)
        self.assertEqual(capture.wait(10), 130)
        guest.do("tick 1")

    def test_a_capture_that_cannot_start_leaves_an_older_file_alone(self):
        file = self.captured()
        before = file.read_bytes()
        guest = self.guest()
        self.fails(vmitap("capture", guest.name, "--on", "tock", "-o", file), 1, "tock")
        self.assertEqual(file.read_bytes(), before)

    def test_what_cannot_be_said_costs_no_capture(self):
        for where in ["2>/dev/full", "2>&-"]:
            with self.subTest(where):
                stays, leaves = self.guest(), self.guest()
                file = self.folder / f"unsaid{len(where)}.mcap"
                capture = subprocess.Popen(["sh", "-c", f'exec "$@" {where}', "sh", command, "capture", stays.name, leaves.name,
                                            "--on", "tick", "-o", file])
                wait_until("the capture's start", lambda: capturing(stays) and capturing(leaves))
                leaves.tell("exit 0")  # which is to be told
                wait_until("its end", lambda: not listed(leaves.pid))
                time.sleep(0.5)
                stays.do("tick 3")
                capture.send_signal(signal.SIGINT)
                self.assertEqual(capture.wait(20), 0)
                self.assertEqual((self.info(file)["complete"], len(self.records(file))), (True, 3))

    def test_a_closed_standard_output_is_an_error_and_no_other_file(self):
        guest = self.guest()
        result = subprocess.run(["sh", "-c", 'exec "$@" >&-', "sh", command, "capture", guest.name, "--every", "1ms", "--read", "stats", "-o", "-"],
                                capture_output=True, text=True, timeout=30)
        self.assertIn(result.returncode, [1, 3], result.stderr)
        self.assertIn("standard output", result.stderr)
        guest.do("tick 1")


main()
