#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""bench/evaluate/steps.sh counts what was executed, and nothing else; a step that fails ends the way."""
import os
import shutil
import subprocess
import tempfile
import unittest

EVALUATE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../bench/evaluate")
WAY = """
need machine 'a compiler'
once machine 'look it up' "echo offset 1776"
! here machine || carry offset "$(sed -n 's/^offset //p' "$output")"
typed machine "$STEPS/offsets.h"
each dom0 'read it' "echo read $offset"
"""


class Steps(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp()
        self.addCleanup(shutil.rmtree, self.folder)
        os.makedirs(f"{self.folder}/here/steps")
        os.makedirs(f"{self.folder}/out")
        shutil.copy(f"{EVALUATE}/steps.sh", f"{self.folder}/here/steps.sh")
        with open(f"{self.folder}/out/offsets.h", "w", encoding="utf-8") as file:
            file.write("// found by hand\n#define SND_CWND 1776\n\n#define EHASH 0\n")

    def walk(self, place, way=WAY):
        with open(f"{self.folder}/here/steps/way.sh", "w", encoding="utf-8") as file:
            file.write(way)
        names = {name: "/none" for name in ("TREE", "KBUILD", "HEADERS", "VMLINUX", "VMITAP_LIBVMI")}
        done = subprocess.run(["sh", f"{self.folder}/here/steps.sh", place, "way"], env={**os.environ, **names, "STEPS": f"{self.folder}/out", "GUEST": "web"},
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
        with open(f"{self.folder}/out/way.{place}.tsv", encoding="utf-8") as file:
            return done, [line.rstrip("\n").split("\t") for line in file]

    def test_counts_what_was_done_in_its_place(self):
        done, rows = self.walk("machine")
        self.assertEqual(done.returncode, 0, done.stdout)
        self.assertEqual(rows, [["machine", "need", "1", "a compiler", ""],
                                ["machine", "once", "1", "look it up", "echo offset 1776"],
                                ["machine", "carry", "1", "offset", "1776"],
                                ["machine", "typed", "2", "offsets.h", ""]])
        done, rows = self.walk("dom0")
        self.assertEqual(rows, [["dom0", "each", "1", "read it", "echo read 1776"]], done.stdout)

    def test_a_failed_step_ends_the_way_uncounted(self):
        done, rows = self.walk("machine", "once machine 'fail' 'false'\nonce machine 'go on' 'true'\n")
        self.assertNotEqual(done.returncode, 0)
        self.assertEqual(rows, [])

    def test_a_number_that_was_not_found_ends_the_way(self):
        done, _ = self.walk("machine", "carry offset ''\n")
        self.assertNotEqual(done.returncode, 0)
        self.assertIn("found no offset", done.stdout)


if __name__ == "__main__":
    unittest.main()
