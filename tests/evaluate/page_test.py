#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""bench/evaluate/page.py: every figure of the page is the run's, and a run that lacks one is refused."""
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import unittest

PAGE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../bench/evaluate/page.py")
ABOUT = ["date", "kernel", "qemu", "processor", "cores", "netem", "megabytes", "fast_megabytes", "lossy_megabytes", "rounds", "lossy_rounds"]
CONNECTION = {"connection": "c", "congestion": "cubic", "segments": 4321, "seconds": 10.0, "recoveries": 21, "fell": 20, "fall": 0.71,
              "least": 5, "median": 17, "most": 34, "round_trip_ms": 41.0}
TEETH = {"shown_from": 1.25, "shown_seconds": 6.5, "connections": [CONNECTION], "records": 9000, "lost": 0, "late": 0, "recoveries": 21, "recoveries_counted": 21, "fell": 20, "retransmits": 23,
         "retransmits_counted": 23, "timeouts_counted": 0, "undone": 1}


class Page(unittest.TestCase):
    def setUp(self):
        self.run_folder = tempfile.mkdtemp()
        self.addCleanup(shutil.rmtree, self.run_folder)
        os.makedirs(f"{self.run_folder}/steps")
        for part, began in (("picture", "12:00"), ("walk", "12:00"), ("cost", "12:30")):
            self.about(part, began=began)
        self.write("teeth.json", json.dumps(TEETH))
        rows = []
        for line in ("fast", "lossy"):
            for turn, base in (("1", 2.0), ("2", 4.0), ("3", 3.0)):
                for how, factor in (("nothing", 1), ("unwatched", 1), ("inline", 1.5), ("paused", 2), ("sync", 3)):
                    rows.append(f"{line}\t{how}\t{turn}\t{base * factor}\t24\t{0 if factor == 1 else 800}\t0\n")
        self.write("cost.tsv", "".join(rows))
        for way in ("vmitap", "bpftrace", "xenctx", "libvmi"):
            self.write(f"steps/{way}.machine.tsv", "machine\tonce\t1\tbuild\tmake\nmachine\tcarry\t1\toffset\t1776\nmachine\ttyped\t58\tlibvmi.c\t\n")
            self.write(f"steps/{way}.dom0.tsv", "guest\teach\t1\task\tcat /proc/net/tcp\ndom0\ttell\t1\tvalue\t138\ndom0\ttell\t1\tss\t138\n")

    def about(self, part, **other):
        about = {name: f"<{name}>" for name in ABOUT}
        self.write(f"about.{part}.json", json.dumps({**about, "began": "12:00", "load": "0.5", **other}))

    def write(self, name, text):
        with open(f"{self.run_folder}/{name}", "w", encoding="utf-8") as file:
            file.write(text)

    def make(self):
        return subprocess.run([sys.executable, PAGE, self.run_folder, self.run_folder], stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                              text=True, check=False)

    def test_the_figures_are_the_runs(self):
        done = self.make()
        self.assertEqual(done.returncode, 0, done.stdout)
        with open(f"{self.run_folder}/evaluation.md", encoding="utf-8") as file:
            page = file.read()
        self.assertNotIn("{{", page)
        self.assertIn("(picture, walk from 12:00 UTC, at a load average of 0.5; cost from 12:30 UTC, at a load average of 0.5)", page)
        for name in ABOUT:
            self.assertIn(f"<{name}>", page)
        self.assertIn("| captured, `SYNC` | 9.00 s | 2.67 MB/s | 3.00 | 3.00 to 3.00 | 800 | 0 |", page)
        self.assertIn("| cubic | 10.0 | 4,321 | 21 times | 0.71 of it | 5, 17, 34 | 41 ms |", page)
        self.assertTrue(re.search(r"\| lines written \|( 58 \|){4}", page), page)
        self.assertIn("→ `offset` is `1776`", page)

    def test_a_run_that_lacks_a_figure_is_refused(self):
        for part in ("picture", "walk", "cost"):
            self.write(f"about.{part}.json", '{"began": "12:00", "load": "0.5"}')
        done = self.make()
        self.assertNotEqual(done.returncode, 0)
        self.assertIn("netem", done.stdout)

    def test_parts_measured_in_different_ways_make_no_page(self):
        self.about("cost", netem="loss 9%")
        done = self.make()
        self.assertNotEqual(done.returncode, 0)
        self.assertIn("different netem", done.stdout)


if __name__ == "__main__":
    unittest.main()
