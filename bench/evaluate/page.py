#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Usage: page.py RUN DOCS: writes DOCS/evaluation.md: the prose of page.md beside this file, with the figures of a run in it.

RUN holds what run.sh left: teeth.json, cost.tsv, steps/ and what about each part. A way that was not walked is taken from recorded/."""
import csv
import json
import os
import re
import statistics
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
WAYS = {"vmitap": "vmitap", "bpftrace": "bpftrace in the guest", "xenctx": "xenctx and gdb", "libvmi": "LibVMI"}
HOWS = {
    "nothing": "nothing loaded",
    "unwatched": "hook loaded, nobody listens",
    "inline": "captured, `INLINE`",
    "paused": "captured, `PAUSED`",
    "sync": "captured, `SYNC`",
}


def table(head, rows):
    lines = ["| " + " | ".join(head) + " |", "| " + " | ".join("---" for _ in head) + " |"]
    return "\n".join(lines + ["| " + " | ".join(map(str, row)) + " |" for row in rows])


def rounded(value):
    return f"{value:.2f}" if value < 10 else f"{value:.1f}" if value < 100 else f"{value:.0f}"


# --- what the capture cost ------------------------------------------------------------------------------


def cost_table(path, line):
    runs = {}
    with open(path, encoding="utf-8", newline="") as file:
        for name, how, turn, seconds, megabytes, records, lost in csv.reader(file, delimiter="\t"):
            if name == line:
                runs.setdefault(how, {})[turn] = (float(seconds), int(megabytes), int(records), int(lost))
    rows = []
    for how, words in HOWS.items():
        turns = runs[how]
        beside = {turn: runs["nothing"][turn][0] for turn in turns}
        if how == "nothing":  # beside its own median
            beside = dict.fromkeys(turns, statistics.median(beside.values()))
        ratios = [seconds / beside[turn] for turn, (seconds, *_) in turns.items()]
        seconds = statistics.median(each[0] for each in turns.values())
        records = statistics.median(each[2] for each in turns.values())
        rows.append([
            words,
            f"{seconds:.2f} s",
            f"{rounded(statistics.median(each[1] / each[0] for each in turns.values()))} MB/s",
            "1" if how == "nothing" else rounded(statistics.median(ratios)),
            f"{rounded(min(ratios))} to {rounded(max(ratios))}",
            f"{records:,.0f}" if records else "",
            f"{sum(each[3] for each in turns.values()):,}" if records else "",
        ])
    return table(["the transfer with", "takes", "that is", "ratio", "of the rounds", "records", "lost"], rows)


def microseconds_a_segment(path):
    """What each segment captured in mode SYNC took longer, at the median of the rounds."""
    seconds, segments = {}, {}
    with open(path, encoding="utf-8", newline="") as file:
        for name, how, turn, took, _, records, _ in csv.reader(file, delimiter="\t"):
            if name == "fast":
                seconds[how, turn] = float(took)
                segments[how, turn] = int(records)
    return statistics.median((took - seconds["unwatched", turn]) / segments[how, turn] * 1e6
                             for (how, turn), took in seconds.items() if how == "sync")


# --- the sawtooth ---------------------------------------------------------------------------------------


def teeth_table(teeth):
    return table(
        ["", "seconds", "segments captured", "window cut", "to, at the median", "window: least, median, most", "round trip"],
        [[each["congestion"], f"{each['seconds']:.1f}", f"{each['segments']:,}", f"{each['recoveries']} times",
          "" if each["fall"] is None else f"{each['fall']:.2f} of it",
          f"{each['least']}, {each['median']:.0f}, {each['most']}", f"{each['round_trip_ms']:.0f} ms"]
         for each in teeth["connections"]])


# --- the ways -------------------------------------------------------------------------------------------


class Way:
    def __init__(self, paths):
        self.rows = []
        for path in paths:
            with open(path, encoding="utf-8", newline="") as file:
                self.rows += csv.reader(file, delimiter="\t", quoting=csv.QUOTE_NONE)

    def of(self, kind, place=None):
        return [row for row in self.rows if row[1] == kind and place in (None, row[0])]

    def told(self, name):
        return next((row[4] for row in self.rows if row[1] == "tell" and row[3] == name), "")

    def amount(self, kind):
        return sum(int(row[2]) for row in self.of(kind))

    def needs(self, place):
        return "; ".join(row[3] for row in self.of("need", place)) or "–"


def microseconds(text):
    if not text:
        return "–"
    value = float(text)
    return f"{value / 1000:.0f} ms" if value >= 10000 else f"{value / 1000:.1f} ms" if value >= 1000 else f"{value:.0f} µs"


def ways_table(ways, sync):
    def row(words, cell):
        return [words, *(cell(way) for way in ways.values())]

    return table(["", *(WAYS[name] for name in ways)], [
        row("commands, once for a kernel or a boot", lambda way: way.amount("once")),
        row("commands, for each connection", lambda way: way.amount("each")),
        row("of them typed inside the guest", lambda way: len(way.of("once", "guest")) + len(way.of("each", "guest"))),
        row("numbers looked up and typed again", lambda way: way.amount("carry")),
        row("lines written", lambda way: way.amount("typed") or "–"),
        row("another member takes", lambda way: way.told("another")),
        row("needed where things are built", lambda way: way.needs("machine")),
        row("needed in dom0", lambda way: way.needs("dom0")),
        row("needed in the guest", lambda way: way.needs("guest")),
        row("the value is", lambda way: way.told("when")),
        row("who waits for a look, and how long", lambda way: way.told("waits").replace("SAMPLE", microseconds(way.told("sample_us") or sync)).replace(
            "WALK", microseconds(way.told("walk_us")))),
        row("it showed, and `ss` in the guest", lambda way: f"{way.told('value')}, {way.told('ss')}"),
    ])


def ways_listed(ways):
    out = []
    for name, way in ways.items():
        out.append(f"### {WAYS[name]}\n")
        number = 0
        for place, kind, amount, words, command in way.rows:
            if kind in ("once", "each"):
                number += 1
                often = "once" if kind == "once" else "for each connection"
                where = {"machine": "where things are built", "dom0": "in dom0", "guest": "in the guest"}[place]
                out.append(f"{number}. {words} ({where}, {often})\n\n       {command}\n")
            elif kind == "typed":
                number += 1
                out.append(f"{number}. write `{words}`: {amount} lines\n")
            elif kind == "carry":
                out[-1] = out[-1].rstrip("\n") + f"\n\n   → `{words}` is `{command}`\n"
    return "\n".join(out)


def walked(run):
    ways, recorded = {}, []
    for name in WAYS:
        paths = [f"{run}/steps/{name}.{place}.tsv" for place in ("machine", "dom0")]
        if not os.path.exists(paths[1]):
            paths = [f"{HERE}/recorded/{name}.tsv"]
            recorded.append(name)
        ways[name] = Way(paths)
    return ways, recorded


def about_parts(run):
    """What the parts have in common, and when each was measured. Parts that were measured otherwise than the others make no page."""
    about, began = {}, {}
    for part in ("picture", "walk", "cost"):
        with open(f"{run}/about.{part}.json", encoding="utf-8") as file:
            told = json.load(file)
        began.setdefault(f"{told.pop('began')} UTC, at a load average of {told.pop('load')}", []).append(part)
        differ = sorted(name for name in told if about.setdefault(name, told[name]) != told[name])
        if differ:
            sys.exit(f"evaluate: the parts were measured with different {', '.join(differ)}; run `make evaluate` for all of them")
    about["began"] = "; ".join(f"{', '.join(parts)} from {when}" for when, parts in began.items())
    return about


# --- the page -------------------------------------------------------------------------------------------


def main(run, docs):
    with open(f"{run}/teeth.json", encoding="utf-8") as file:
        teeth = json.load(file)
    about = about_parts(run)
    ways, recorded = walked(run)
    values = {
        **about,
        **{name: f"{value:,}" for name, value in teeth.items() if isinstance(value, (int, float))},
        "teeth": teeth_table(teeth),
        "cost_fast": cost_table(f"{run}/cost.tsv", "fast"),
        "cost_lossy": cost_table(f"{run}/cost.tsv", "lossy"),
        "ways": ways_table(ways, microseconds_a_segment(f"{run}/cost.tsv")),
        "ways_listed": ways_listed(ways),
        "recorded": "".join(f" LibVMI's column was recorded on {ways[name].told('date')}, as it is not among Debian 12's packages."
                            for name in recorded),
    }
    with open(f"{HERE}/page.md", encoding="utf-8") as file:
        page = file.read()
    missing = sorted(set(re.findall(r"\{\{(\w+)\}\}", page)) - set(values))
    if missing:
        sys.exit(f"evaluate: page.md asks for what no run tells: {', '.join(missing)}")
    page = re.sub(r"\{\{(\w+)\}\}", lambda match: str(values[match[1]]), page)
    with open(f"{docs}/evaluation.md", "w", encoding="utf-8") as out:
        out.write(page)
    print(f"evaluate: {docs}/evaluation.md is written")


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    main(*sys.argv[1:])
