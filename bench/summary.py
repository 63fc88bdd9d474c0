#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Prints what the benchmarks say, each beside its peer. Usage: summary.py FOLDER, with what run.sh left there.

A ratio is the median of the ratios of the runs that belong together; its range is that of the middle half of
them. Absolute times are this machine's, in this minute: compare ratios.
"""

import json
import pathlib
import statistics
import sys

# program, what, peer, what is compared
COMPARED = [
    ("fire", "disabled", "empty_loop", "fire"),
    ("fire", "bare/manual_time", "write_pipe/manual_time", "fire"),
    ("fire", "two_arguments/manual_time", "write_pipe/manual_time", "fire"),
    ("fire", "two_arguments/manual_time", "write_eventfd/manual_time", "fire"),
    ("ring", "push/16B/tsc", "push and take/16B/tsc, moodycamel", "real_time"),
    ("ring", "push+drain, two threads/16B/real_time",
     "push+drain, two threads/16B, moodycamel/real_time", "real_time"),
    ("ring", "push+drain, two threads/300B: 6 slots/real_time",
     "push+drain, two threads/300B, moodycamel/real_time", "real_time"),
    ("ring", "round trip/ring/real_time", "round trip/bare cache line/real_time", "real_time"),
    ("encode", "encode/plan", "encode/protobuf generated", "real_time"),
    ("encode", "encode/plan", "encode/protobuf generated, filled before", "real_time"),
    ("encode", "encode/plan", "encode/protobuf reflection", "real_time"),
    ("end_to_end", "end to end/INLINE", "end to end/pipe, a write each", "each"),
    ("end_to_end", "end to end/LIVE", "end to end/pipe, a write each", "each"),
    ("end_to_end", "end to end/INLINE", "end to end/pipe", "each"),
    ("end_to_end", "end to end/INLINE", "end to end/pipe", "guest_cpu"),
    ("end_to_end", "end to end/SYNC", "end to end/pipe, each answered", "each"),
]
CAPTURES = ["INLINE", "LIVE", "PAUSED", "SYNC", "INLINE storm"]
UNITS = {"ns": 1e-9, "us": 1e-6, "ms": 1e-3, "s": 1.0}


def seconds(run, what):
    """One run's time of one operation."""
    if what == "real_time":
        return run["real_time"] * UNITS[run["time_unit"]]
    if what == "each":
        return 1 / run["items_per_second"]
    if what == "guest_cpu":
        return run["guest_cpu_ns"] * 1e-9
    return run[what]


def plain(name):
    return name.removesuffix("/iterations:1/manual_time")


def load(folder, program):
    """{name: [run, ...]} of one program, in the order of the repetitions."""
    path = folder / f"{program}.json"
    if not path.exists():
        return {}
    runs = {}
    for run in json.loads(path.read_text())["benchmarks"]:
        if run["run_type"] == "iteration":
            runs.setdefault(plain(run["run_name"]), []).append(run)
    for of_one in runs.values():
        of_one.sort(key=lambda run: run["repetition_index"])
        for run in of_one:
            if run.get("error_occurred"):
                sys.exit(f"{program}: {run['name']}: {run['error_message']}")
    return runs


def time_text(value):
    for unit, size in (("s", 1.0), ("ms", 1e-3), ("us", 1e-6)):
        if value >= size:
            return f"{value / size:.3g} {unit}"
    return f"{value / 1e-9:.3g} ns"


def table(head, rows):
    widths = [max(len(row[i]) for row in [head, *rows]) for i in range(len(head))]
    for row in [head, *rows]:
        cells = [row[0].ljust(widths[0]), row[1].ljust(widths[1])]
        cells += [cell.rjust(width) for cell, width in zip(row[2:], widths[2:])]
        print("  ".join(cells).rstrip())


def peers(programs):
    rows = []
    for program, name, peer, what in COMPARED:
        runs = programs.get(program, {})
        if name not in runs or peer not in runs:
            continue
        ours = [seconds(run, what) for run in runs[name]]
        theirs = [seconds(run, what) for run in runs[peer]]
        ratios = sorted(a / b for a, b in zip(ours, theirs))
        quarter = len(ratios) // 4
        shown = plain(name).replace("/manual_time", "").replace("/real_time", "")
        beside = plain(peer).replace("/manual_time", "").replace("/real_time", "")
        if what == "guest_cpu":
            shown += ", the guest's CPU"
        rows.append([shown, beside, time_text(statistics.median(ours)), time_text(statistics.median(theirs)),
                     f"{statistics.median(ratios):.2f}", f"{ratios[quarter]:.2f} to {ratios[-1 - quarter]:.2f}"])
    if rows:
        table(["what", "beside", "takes", "peer", "ratio", "middle half"], rows)


def captures(runs):
    rows = []
    for name in CAPTURES:
        of_one = runs.get(f"end to end/{name}")
        if not of_one:
            continue

        def median(key):
            return statistics.median(run.get(key, 0.0) for run in of_one)

        def micro(key):
            return f"{median(key):.3g} us" if key in of_one[0] else "-"

        rows.append([name, f"{median('items_per_second'):.3g}/s", f"{median('host_cpu_ns') / 1e3:.3g} us",
                     f"{median('guest_cpu_ns') / 1e3:.3g} us", f"{median('lost') / median('fired'):.1%}",
                     f"{median('file_bytes'):.0f}", micro("pause_p50_us"), micro("pause_p99_us"),
                     micro("skid_p50_us"), micro("skid_p99_us")])
    if rows:
        print()
        table(["capture", "records", "host CPU", "guest CPU", "lost", "bytes", "pause p50", "p99", "skid p50", "p99"],
              rows)


def main():
    folder = pathlib.Path(sys.argv[1])
    programs = {name: load(folder, name) for name in ("fire", "ring", "encode", "end_to_end")}
    print()
    peers(programs)
    captures(programs["end_to_end"])


if __name__ == "__main__":
    main()
