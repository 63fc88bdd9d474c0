#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The command teaches itself, and says what is wrong with a command line."""
from harness import Case, main, vmitap

commands = ["list", "capture", "trigger", "info", "decode", "export", "plot", "types", "doctor"]


class Help(Case):
    def test_alone_it_prints_help_that_names_every_command(self):
        result = vmitap()
        self.assertEqual(result.returncode, 0)
        self.assertEqual(result.stdout, vmitap("--help").stdout)
        for command in commands:
            self.assertIn(f"\n  {command} ", result.stdout)

    def test_every_command_shows_purpose_examples_and_exit_codes(self):
        for command in commands:
            with self.subTest(command):
                result = vmitap(command, "--help")
                self.assertEqual((result.returncode, result.stderr), (0, ""))
                self.assertIn("Examples:\n  vmitap ", result.stdout)
                self.assertIn("Exit codes: 0", result.stdout)
                self.assertLess(max(map(len, result.stdout.splitlines())), 121)

    def test_help_is_a_command_too(self):
        self.assertEqual(vmitap("help").stdout, vmitap("--help").stdout)
        self.assertEqual(vmitap("help", "capture").stdout, vmitap("capture", "--help").stdout)
        self.fails(vmitap("help", "captur"), 2, 'did you mean "capture"?')

    def test_it_knows_its_version(self):
        result = vmitap("--version")
        self.assertEqual(result.returncode, 0)
        self.assertRegex(result.stdout, r"^vmitap \d+\.\d+\.\d+\n$")

    def test_bad_usage_ends_with_2(self):
        for arguments in [("capure",), ("list", "--jsn"), ("capture",), ("info",), ("decode", "f", "--format", "xml"),
                          ("capture", "local:1", "--count", "0"), ("capture", "local:1", "--count", "-3"),
                          ("capture", "local:1", "--sample", "0"), ("types",), ("trigger",), ("doctor", "a", "b"),
                          ("capture", "local:1", "--rule", "r.toml", "--on", "tick"), ("--nothing",)]:
            with self.subTest(arguments):
                self.fails(vmitap(*arguments), 2, "vmitap")

    def test_values_that_cannot_be_read_are_told_with_what_was_expected(self):
        for arguments, text in [(("--every", "10 parsecs", "--read", "a"), "--every 10 parsecs"),
                                (("--every", "0", "--read", "a"), "above 0"),
                                (("--every", "10ms"), "needs --read"),
                                (("--on", "t", "--mode", "pausd"), 'did you mean "paused"?'),
                                (("--on", "t", "--pause-budget", "120%"), "0% to 100%"),
                                (("--on", "t", "--for", "soon"), "--for soon"),
                                (("--read", "a,,b"), "    a,,b\n      ^\n")]:
            with self.subTest(arguments):
                self.fails(vmitap("capture", "local:1", *arguments), 2, text)
        for option in ["--from", "--span"]:
            self.fails(vmitap("export", "x.mcap", "--to", "svg", "-o", "x.svg", f"{option}=-1s"), 2, f"{option} -1s")


main()
