#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What bad input gets: what is wrong and what to do about it, no crash, and nothing lost."""
import json
import os
import shutil
import signal
import subprocess

from harness import Case, command, guest_program, listed, main, vmitap, wait_until


class Errors(Case):
    def capture(self, guest, *arguments):
        return vmitap("capture", guest if isinstance(guest, str) else guest.name, *arguments, "-o", self.folder / "out.mcap")

    def nothing_written(self):
        self.assertEqual([name for name in os.listdir(self.folder) if name.startswith("out")], [])

    def test_no_such_process(self):
        self.fails(self.capture("local:999999999", "--on", "tick"), 1, "no guest", "vmitap list")
        self.fails(vmitap("trigger", "local:999999999"), 1, "no guest", "vmitap list")
        self.fails(vmitap("types", "local:999999999"), 1, "no guest", "vmitap list")
        self.nothing_written()

    def test_a_guest_named_after_an_option(self):
        self.fails(vmitap("types", "--debug-dir", self.folder, "local:999999999"), 1, "no guest", "vmitap list")
        looked = vmitap("doctor", "--debug-dir", self.folder, "local:999999999")
        self.assertEqual(looked.returncode, 1)
        self.assertIn("there is no guest", looked.stdout)

    def test_a_name_that_is_nearly_a_guests(self):
        self.guest(name="nearly-router")
        self.fails(self.capture("local:nearly-ruoter", "--on", "tick"), 1, 'did you mean "nearly-router"?')

    def test_two_guests_of_one_name(self):
        guests = [self.guest(name="twin") for _ in range(2)]
        self.fails(self.capture("local:twin", "--on", "tick"), 1, "more than one", *(guest.name for guest in guests))

    def test_a_process_without_vmitap(self):
        process = subprocess.Popen(["sleep", "60"])
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        self.fails(self.capture(f"local:{process.pid}", "--on", "tick"), 1, "not a vmitap guest", "guest library")
        self.nothing_written()

    def test_a_xen_guest(self):
        self.fails(self.capture("xen:web", "--on", "tick"), 1, "not supported here")

    def test_no_debug_information(self):
        stripped = self.folder / "stripped"
        subprocess.run(["objcopy", "--strip-debug", guest_program, stripped], check=True)
        guest = self.guest(str(stripped))
        self.fails(self.capture(guest, "--on", "tick"), 1, "has no debug information", "build it with -g")
        self.fails(vmitap("types", guest.name), 1, "has no debug information", "build it with -g")
        self.fails(vmitap("types", stripped), 1, "has no debug information", "build it with -g")
        self.nothing_written()

    def test_debug_information_of_its_own_build_in_a_folder(self):
        stripped = self.folder / "stripped"
        subprocess.run(["objcopy", "--strip-debug", guest_program, stripped], check=True)
        guest = self.guest(str(stripped))
        build_id = listed(guest.pid)["objects"][0]["build_id"]
        at = self.folder / "debug" / ".build-id" / build_id[:2] / (build_id[2:] + ".debug")
        at.parent.mkdir(parents=True)
        subprocess.run(["objcopy", "--only-keep-debug", guest_program, at], check=True)
        result = self.capture(guest, "--every", "1ms", "--read", "stats.ticks", "--count", "3", "--debug-dir", self.folder / "debug")
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertEqual(self.info(self.folder / "out.mcap")["records"], 3)

    def test_debug_information_of_another_build(self):
        stripped = self.folder / "stripped"
        subprocess.run(["objcopy", "--strip-debug", guest_program, stripped], check=True)
        guest = self.guest(str(stripped))
        build_id = listed(guest.pid)["objects"][0]["build_id"]
        at = self.folder / "debug" / ".build-id" / build_id[:2] / (build_id[2:] + ".debug")
        at.parent.mkdir(parents=True)
        shutil.copy(command, at)  # has debug information, and another build id
        self.fails(self.capture(guest, "--on", "tick", "--debug-dir", self.folder / "debug"), 1,
                   "another build", str(at), "restart the guest")
        self.nothing_written()

    def test_an_unknown_trigger_is_told_with_those_there_are(self):
        guest = self.guest()
        self.fails(self.capture(guest, "--on", "tock"), 1, '"tock"', 'did you mean "tick"?', "busy, look, tick")
        self.fails(self.capture(guest, "--on", "zzzzz"), 1, '"zzzzz"', "busy, look, tick")
        self.nothing_written()

    def test_nothing_to_capture_is_told_with_the_triggers(self):
        self.fails(self.capture(self.guest()), 2, "what to capture", "busy, look, tick")

    def test_an_unknown_mark_member_or_type_with_the_nearest(self):
        guest = self.guest()
        for expression, near in [("statz", "stats"), ("stats.mena", "mean"), ("head->nmae", "name"),
                                 ("(struct entri *)head", "entry")]:
            with self.subTest(expression):
                self.fails(self.capture(guest, "--on", "tick", "--read", expression), 1, near)
        self.fails(vmitap("types", guest.name, "entri"), 1, '"entri"', 'did you mean "entry"?')
        self.nothing_written()

    def test_an_expression_that_cannot_be_read_has_a_caret_under_its_column(self):
        guest = self.guest()
        for expression, caret in [("stats.", "          ^"), ("history[", "            ^"), ("stats mean", "          ^")]:
            with self.subTest(expression):
                result = self.capture(guest, "--on", "tick", "--read", expression)
                self.fails(result, 1, f"    {expression}\n")
                self.assertIn(caret, result.stderr.splitlines()[2])
        self.nothing_written()

    def test_of_a_long_expression_the_place_is_shown(self):
        result = self.capture(self.guest(), "--on", "tick", "--read", "stats" + ".ticks" * 300 + "[" + "0" * 100)
        self.fails(result, 1, '"stats.ticks')
        self.assertLess(max(map(len, result.stderr.splitlines())), 200)
        what, shown, caret, _ = result.stderr.splitlines()
        self.assertIn("…", what)
        self.assertLessEqual(len(caret), len(shown) + 1)

    def test_an_argument_without_its_trigger(self):
        self.fails(self.capture(self.guest(), "--every", "10ms", "--read", "value"), 1, '"value"')

    def test_two_captures_of_one_guest(self):
        guest = self.guest()
        first = self.start(guest, "--on", "tick", "-o", "first.mcap")
        self.fails(self.capture(guest, "--on", "tick"), 1, "captured already", str(first.pid), "end the other capture first")
        guest.do("tick 3")
        first.send_signal(signal.SIGINT)
        self.ends(first)
        self.assertEqual(self.info(self.folder / "first.mcap")["records"], 3)
        self.nothing_written()

    def test_one_guest_named_twice(self):
        guest = self.guest()
        self.fails(vmitap("capture", guest.name, str(guest.pid), "--on", "tick", cwd=self.folder), 2, "named twice")

    def test_one_of_several_that_is_not_there_is_left_out(self):
        guest = self.guest()
        result = vmitap("capture", "local:999999999", guest.name, "--every", "1ms", "--read", "stats", "--count", "3", "-o", self.folder / "out.mcap")
        self.fails(result, 3, "no guest", "vmitap list", "begins with 1 of 2 guests")
        described = self.info(self.folder / "out.mcap")
        self.assertEqual(described["records"], 3)
        self.assertEqual([(end["guest"], end["left_out"]) for end in described["guests_ended"]], [("local:999999999", True)])

    def test_several_of_which_none_is_there(self):
        self.fails(self.capture("local:999999998", "local:999999999", "--on", "tick"), 1, "no guest", "999999998")
        self.nothing_written()

    def test_filters(self):
        guest = self.guest()
        self.fails(self.capture(guest, "--on", "tick", "--filter", "tcp prot 80"), 2, "not a packet filter", "syntax error", "pcap-filter(7)")
        self.fails(self.capture(guest, "--on", "tick", "--filter", "tcp port 80"), 1, "fires for no packet")
        self.fails(self.capture(guest, "--on", "tick", "--snap", "96"), 1, "fires for no packet")
        self.fails(self.capture(guest, "--read", "stats", "--filter", "tcp"), 2, "it needs --on TRIGGER")
        self.fails(self.capture(guest, "--on", "tick", "--snap", "0"), 2, "--snap")
        self.nothing_written()

    def test_a_rule_file_is_told_with_line_and_column(self):
        file = self.folder / "rules.toml"
        file.write_text('[[rule]]\non = "tick"\nmoed = "sync"\n')
        self.fails(vmitap("capture", "local:1", "--rule", file), 2, f'{file}:3:1', 'did you mean "mode"?')
        self.fails(vmitap("capture", "local:1", "--rule", self.folder / "none.toml"), 1, "none.toml", "No such file")

    def test_an_unknown_command_with_the_nearest(self):
        self.fails(vmitap("captur"), 2, '"captur"', 'did you mean "capture"?')
        self.fails(vmitap("bogus", "--x"), 2, '"bogus"', "vmitap --help")

    def test_a_stopped_guest_is_told_as_such_by_its_name(self):
        name = f"stopped-{os.getpid()}"
        guest = self.guest(shutil.copy(guest_program, self.folder / name))
        os.kill(guest.pid, signal.SIGSTOP)
        self.fails(self.capture(f"local:{name}", "--on", "tick"), 1, f"kill -CONT {guest.pid}")
        os.kill(guest.pid, signal.SIGCONT)
        os.remove(self.folder / name)

    def test_a_mode_that_needs_a_firing_thread_where_there_is_none(self):
        for mode in ["sync", "inline"]:
            self.fails(self.capture(self.guest(), "--every", "1ms", "--read", "stats", "--mode", mode), 2, mode, "paused or live")
        self.nothing_written()

    def test_an_extension_that_only_decode_writes(self):
        self.fails(vmitap("capture", self.guest().name, "--on", "tick", "-o", self.folder / "x.csv"), 2, "x.csv", "vmitap decode")
        self.nothing_written()

    def test_a_format_that_is_none(self):
        self.fails(self.capture(self.guest(), "--on", "tick", "--format", "xml"), 2, '"xml"', "mcap, pb and jsonl")

    def test_a_folder_that_is_not_there(self):
        result = vmitap("capture", self.guest().name, "--on", "tick", "-o", self.folder / "none" / "x.mcap")
        self.fails(result, 1, "No such file or directory")

    def test_trigger_without_a_capture(self):
        self.fails(vmitap("trigger", self.guest().name), 1, "no capture runs", "vmitap capture")


class BadFiles(Case):
    def test_files_that_are_no_captures(self):
        (self.folder / "folder").mkdir()
        (self.folder / "empty").write_bytes(b"")
        (self.folder / "random").write_bytes(os.urandom(100000))
        (self.folder / "text").write_text("not a capture\n" * 1000)
        (self.folder / "json").write_text('{"rule":"x"}\n')
        for name in ["empty", "random", "text", "json", "nothing-there", "folder"]:
            for arguments in [("info",), ("decode",), ("decode", "--format", "csv"), ("plot", "--fields", "a")]:
                with self.subTest(name=name, command=arguments):
                    result = vmitap(*arguments, self.folder / name)
                    self.fails(result, 1, name)
                    self.assertNotIn("disk has room", result.stderr)
        self.fails(vmitap("types", self.folder / "random"), 1, "random")
        self.fails(vmitap("types", self.folder / "empty"), 1, "empty")

    def test_a_capture_that_was_cut_anywhere_is_read_up_to_its_last_whole_chunk(self):
        whole = self.captured(ticks=40)
        content = whole.read_bytes()
        cut = self.folder / "cut.mcap"
        counts = []
        for size in range(0, len(content) - 1, max(len(content) // 60, 1)):
            cut.write_bytes(content[:size])
            info, decode = vmitap("info", cut, "--json"), vmitap("decode", cut)
            self.assertIn(info.returncode, (0, 1), info.stderr)
            self.assertEqual(info.returncode, decode.returncode)
            if info.returncode:
                self.fails(info, 1, "cut.mcap")
                continue
            described = json.loads(info.stdout)
            self.assertFalse(described["complete"])
            self.assertNotEqual(described["problem"], "")
            self.assertEqual(len(decode.stdout.splitlines()), described["records"])
            self.assertIn("cut off", decode.stderr)
            self.assertIn("cut off", vmitap("info", cut).stdout)
            counts.append(described["records"])
        self.assertEqual(counts, sorted(counts))
        self.assertEqual(self.info(whole)["records"], 40)

    def test_a_capture_in_which_bytes_were_changed_never_crashes_the_reader(self):
        content = bytearray(self.captured(ticks=40).read_bytes())
        broken = self.folder / "broken.mcap"
        for at in range(8, len(content), max(len(content) // 60, 1)):
            changed = bytearray(content)
            changed[at] ^= 0xff
            broken.write_bytes(changed)
            for arguments in [("info",), ("decode",), ("types",)]:
                self.assertIn(vmitap(*arguments, broken).returncode, (0, 1))


main()
