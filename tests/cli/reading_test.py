#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""info, decode, plot and types: what stands in a capture, and what vmitap reads of types."""
import csv
import json
import os
import subprocess

from harness import Case, build, command, guest_program, main, vmitap


class Reading(Case):
    def test_info_counts_and_measures(self):
        file = self.captured("--read", "stats,head->name", "--mode", "paused", "--pause-budget", "100%", ticks=9)
        text = vmitap("info", file).stdout
        for words in ["complete", "tick", "PAUSED", "count reached", "nothing", "pause", "skid", "MEDIAN", "P99",
                      "stats", "head->name", "char [14]", "build id"]:
            self.assertIn(words, text)
        self.assertNotIn("\033", text)
        described = self.info(file)
        self.assertEqual((described["complete"], described["records"], described["lost"]), (True, 9, 0))
        rule = described["rules"][0]
        self.assertEqual((rule["name"], rule["on"], rule["records"], rule["modes"]), ("tick", "tick", 9, {"PAUSED": 9}))
        for what in ["skid_ns", "pause_ns"]:
            spread = rule[what]
            values = sorted(record[what] for record in self.records(file))
            self.assertEqual([spread[k] for k in ("count", "min", "median", "p99", "max")],
                             [9, values[0], values[4], values[8], values[8]])
        self.assertIn({"part": "values", "expression": "head->name", "c_type": "char [14]"}, rule["fields"])

    def test_decode_prints_what_the_guest_had(self):
        file = self.captured("--read", "stats.parity,stats.urgent,history[0:2]", ticks=9)
        for value, record in enumerate(self.records(file), 1):
            self.assertEqual(record["args"]["value"], value)
            self.assertEqual(record["mode"], "SYNC")
            self.assertEqual(record["values"], {"stats.parity": "ODD" if value % 2 else "EVEN", "stats.urgent": value % 8,
                                                "history[0:2]": [value, value - 1]})

    def test_decode_takes_fields_and_rules(self):
        file = self.captured("--read", "stats,head->name", ticks=4)
        result = vmitap("decode", file, "--format", "csv", "--fields", "value,stats.parity,head->name,mode", "--rule", "tick")
        self.assertEqual(result.stderr, "")
        self.assertEqual(list(csv.reader(result.stdout.splitlines())),
                         [["value", "stats.parity", "head->name", "mode"], ["1", "ODD", "first", "SYNC"], ["2", "EVEN", "first", "SYNC"],
                          ["3", "ODD", "first", "SYNC"], ["4", "EVEN", "first", "SYNC"]])
        records = self.records(file, "--fields", "stats.parity,value,skid_ns")
        self.assertEqual(records[0], {"stats.parity": "ODD", "value": 1, "skid_ns": None})
        for arguments in [("--fields", "stats.partiy"), ("--fields", "stats.partiy", "--format", "csv")]:
            self.fails(vmitap("decode", file, *arguments), 1, "stats.parity")
        for arguments in [("--rule", "tikc"), ("--rule", "tikc", "--format", "csv")]:
            self.fails(vmitap("decode", file, *arguments), 1, 'did you mean "tick"?')

    def test_decode_ends_quietly_when_its_reader_has_enough(self):
        file = self.captured(ticks=3000)
        script = f'set -o pipefail; "{command}" decode "{file}" | head -n 1'
        result = subprocess.run(["bash", "-c", script], capture_output=True, text=True)
        self.assertEqual((len(result.stdout.splitlines()), result.stderr), (1, ""))

    def test_plot_draws_a_field(self):
        file = self.captured("--read", "stats", ticks=50)
        result = vmitap("plot", file, "--fields", "value,stats.mean")
        self.assertEqual((result.returncode, result.stderr), (0, ""))
        self.assertIn("50 values", result.stdout)
        self.assertRegex(result.stdout, "[\u2801-\u28ff]")
        self.assertEqual(len(result.stdout.splitlines()), 2 * 19 + 1)
        self.fails(vmitap("plot", file, "--fields", "stats.maen"), 1, "stats.mean")
        self.fails(vmitap("plot", file, "--fields", "stats.parity"), 1, "not a number")
        self.fails(vmitap("plot", file, "--fields", "value", "--rule", "tock"), 1, "tick")

    def test_export_refuses_to_overwrite_its_capture(self):
        file = self.captured("--read", "stats.mean")
        before = file.read_bytes()
        os.symlink(file, self.folder / "symbolic")
        os.link(file, self.folder / "hard")
        for output in [file, self.folder / "symbolic", self.folder / "hard"]:
            for format in ["pcapng", "svg", "html"]:
                with self.subTest(output=output.name, format=format):
                    self.fails(vmitap("export", file, "--to", format, "-o", output), 2, "it is the capture itself")
        misnamed = file.rename(self.folder / "misnamed.svg")
        self.fails(vmitap("export", misnamed, "--to", "svg"), 2, "a name of its own")
        script = f'"{command}" export - --to svg < "{misnamed}" >> "{misnamed}"'
        self.assertEqual(subprocess.run(["bash", "-c", script], capture_output=True).returncode, 2)
        self.assertEqual(misnamed.read_bytes(), before)
        self.assertEqual(vmitap("export", misnamed, "--to", "svg", "-o", self.folder / "other.svg").returncode, 0)

    def test_types_of_a_guest_a_capture_and_an_object_agree(self):
        file = self.captured("--read", "head->name")
        texts = [vmitap("types", source, "struct entry").stdout for source in [self.guest().name, file, guest_program]]
        self.assertEqual(texts[0], "struct entry {                                       /* 24 bytes */\n"
                                   "    uint16_t key;                                    /*     0       2 */\n"
                                   "    char name[14];                                   /*     2      14 */\n"
                                   "    struct entry *next;                              /*    16       8 */\n"
                                   "};\n")
        self.assertEqual(texts, [texts[0]] * 3)

    def test_types_shows_triggers_marks_and_all_they_reach(self):
        for source in [guest_program, self.captured()]:
            text = vmitap("types", source).stdout
            for words in ["trigger  tick(value: uint32_t, stats.mean: double)", "mark     uint32_t history[8]", "struct entry {",
                          "enum parity {", "EVEN = 0,", "build id ", "} stats;"]:
                self.assertIn(words, text)
        described = json.loads(vmitap("types", guest_program, "--json").stdout)
        entry = next(t for t in described["types"] if t["name"] == "entry")
        self.assertEqual([(m["name"], m["offset"], m["size"]) for m in entry["members"]], [("key", 0, 2), ("name", 2, 14), ("next", 16, 8)])
        stats = next(m for m in described["marks"] if m["name"] == "stats")["layout"]
        self.assertEqual([(m["name"], m["offset"]) for m in stats["members"]], [("ticks", 0), ("parity", 8), ("urgent", 12), ("mean", 16)])
        self.assertEqual((stats["members"][2]["bit_offset"], stats["members"][2]["bit_size"]), (96, 3))

    def test_types_knows_every_type_of_an_object_also_what_no_mark_leads_to(self):
        self.fails(vmitap("types", build / "bin/orders", "Trader"), 1, "(anonymous namespace)::Trader")
        result = vmitap("types", build / "bin/orders", "(anonymous namespace)::Trader", "--json")
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertIn("side_", [m["name"] for m in json.loads(result.stdout)["types"][0]["members"]])


main()
