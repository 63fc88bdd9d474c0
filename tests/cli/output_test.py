#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Where a capture goes: files, pipes and terminals, in each format."""
import re
import json
import os
import signal
import subprocess

from harness import Case, Terminal, command, main, vmitap, wait_until


class Output(Case):
    def take(self, guest, *arguments, count=5):
        return subprocess.run([command, "capture", guest.name, "--every", "1ms", "--read", "stats.ticks,history", "--count", str(count),
                               *map(str, arguments)], cwd=self.folder, capture_output=True, timeout=60)

    def test_without_a_name_the_file_is_named_after_guest_and_time(self):
        guest = self.guest(name="a/b c")
        names = []
        for _ in range(2):
            result = self.take(guest)
            self.assertEqual(result.returncode, 0, result.stderr)
            names += set(os.listdir(self.folder)) - set(names)
            self.assertIn(names[-1].encode(), result.stderr)
        self.assertEqual(len(names), 2)
        for name in names:
            self.assertRegex(name, r"^a_b_c-\d{8}-\d{6}(-\d)?\.mcap$")
            self.assertEqual(self.info(self.folder / name)["records"], 5)

    def test_the_extension_tells_the_format_and_format_goes_first(self):
        guest = self.guest()
        for name, arguments, start in [("x.mcap", (), b"\x89MCAP"), ("x.pb", (), None), ("x.jsonl", (), b'{"session"'),
                                       ("x", (), b"\x89MCAP"), ("y.mcap", ("--format", "jsonl"), b'{"session"')]:
            with self.subTest(name):
                self.assertEqual(self.take(guest, "-o", name, *arguments).returncode, 0)
                content = (self.folder / name).read_bytes()
                if start:
                    self.assertTrue(content.startswith(start), content[:20])
                else:
                    self.assertFalse(content.startswith(b"\x89MCAP"))
                    self.assertEqual(len(self.records(self.folder / name)), 5)

    def test_standard_output_is_jsonl_unless_format_says_otherwise(self):
        result = self.take(self.guest(), "-o", "-")
        self.assertEqual(result.returncode, 0)
        lines = [json.loads(line) for line in result.stdout.splitlines()]
        self.assertIn("session", lines[0])
        self.assertIn("summary", lines[-1])
        self.assertEqual(sum("values" in line for line in lines), 5)
        self.assertEqual(os.listdir(self.folder), [])

    def test_binary_formats_go_through_a_pipe_to_decode(self):
        guest = self.guest()
        for format in ["pb", "mcap"]:
            with self.subTest(format):
                result = self.take(guest, "-o", "-", "--format", format)
                self.assertEqual(result.returncode, 0)
                for arguments in [(), ("--format", "csv")]:
                    decoded = subprocess.run([command, "decode", "-", *arguments], input=result.stdout, capture_output=True, check=True)
                    self.assertEqual(len(decoded.stdout.splitlines()), 5 + len(arguments) // 2)

    def test_pb_is_a_stream_that_stock_tools_split(self):
        stream = self.take(self.guest(), "-o", "-", "--format", "pb").stdout
        at, fields = 0, []
        while at < len(stream):
            size = shift = 0
            while True:
                byte = stream[at]
                at += 1
                size |= (byte & 0x7f) << shift
                shift += 7
                if byte < 0x80:
                    break
            fields.append(stream[at] >> 3)  # StreamItem's oneof
            at += size
        self.assertEqual(at, len(stream))
        self.assertEqual((fields[0], fields.count(3), fields[-1]), (1, 5, 5))

    def test_a_reader_that_has_enough_ends_the_capture_quietly(self):
        guest = self.guest()
        capture = subprocess.Popen([command, "capture", guest.name, "--every", "1ms", "--read", "stats", "-o", "-"],
                                   stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self.addCleanup(self.finish, capture)
        capture.stdout.readline()
        capture.stdout.close()
        capture.stdout = None
        self.assertEqual(capture.wait(30), 0)
        self.assertEqual(capture.stderr.read(), b"")
        guest.do("tick 1")

    def test_a_binary_format_on_a_terminal_is_refused_and_jsonl_is_not(self):
        guest = self.guest()
        terminal = Terminal("capture", guest.name, "--on", "tick", "-o", "-", "--format", "mcap")
        self.assertEqual(terminal.ends(), 2)
        self.assertIn("standard output is a terminal", terminal.seen)
        self.assertIn("jsonl", terminal.seen)
        terminal.close()
        terminal = Terminal("capture", guest.name, "--every", "1ms", "--read", "stats", "--count", "2", "-o", "-")
        self.assertEqual(terminal.ends(), 0)
        self.assertIn('"values":{"stats":{', terminal.seen)
        self.assertTrue(terminal.seen.startswith("vmitap: capturing to this terminal; q or Ctrl-C ends"), terminal.seen)
        terminal.close()

    def test_what_the_last_line_says_of_the_file_is_so(self):
        result = self.take(self.guest(), "-o", "sized.mcap")
        size = (self.folder / "sized.mcap").stat().st_size
        said = re.search(rb"\(([\d.]+) (k?)B\)", result.stderr)
        self.assertAlmostEqual(float(said[1]) * (1000 if said[2] else 1), size, delta=size * 0.01)

    def test_info_and_plot_tell_guests_apart(self):
        first, second = self.guest(), self.guest()
        vmitap("capture", first.name, second.name, "--every", "1ms", "--read", "stats.ticks", "--count", "20", "-o", self.folder / "two.mcap")
        text = vmitap("info", self.folder / "two.mcap").stdout
        rules = self.info(self.folder / "two.mcap")["rules"]
        self.assertEqual(sorted(rule["guest"] for rule in rules), sorted([first.name, second.name]))
        plotted = vmitap("plot", self.folder / "two.mcap", "--fields", "stats.ticks").stdout
        for guest in [first, second]:
            self.assertIn(f"every of {guest.name}", text)
            self.assertIn(f"stats.ticks of {guest.name}", plotted)
        self.assertNotIn(first.name, vmitap("plot", self.folder / "two.mcap", "--fields", "stats.ticks", "--guest", second.name).stdout)

    def test_two_captures_do_not_write_one_file(self):
        first, second = self.guest(), self.guest()
        capture = self.start(first, "--on", "tick", "-o", "shared.mcap")
        self.fails(vmitap("capture", second.name, "--on", "tick", "-o", self.folder / "shared.mcap"), 1, "shared.mcap", "another capture")
        first.do("tick 4")
        capture.send_signal(signal.SIGINT)
        self.ends(capture)
        self.assertEqual(self.info(self.folder / "shared.mcap")["records"], 4)

    def test_a_file_is_replaced(self):
        guest = self.guest()
        self.take(guest, "-o", "same.mcap", count=50)
        self.take(guest, "-o", "same.mcap", count=3)
        self.assertEqual(self.info(self.folder / "same.mcap")["records"], 3)

    def test_several_guests_in_one_capture(self):
        guests = [self.guest(), self.guest()]
        result = vmitap("capture", *(guest.name for guest in guests), "--every", "1ms", "--read", "stats", "--count", "40",
                        "-o", self.folder / "two.mcap")
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertEqual({record["guest"] for record in self.records(self.folder / "two.mcap")}, {guest.name for guest in guests})
        self.assertEqual({guest["name"] for guest in self.info(self.folder / "two.mcap")["guests"]}, {guest.name for guest in guests})


main()
