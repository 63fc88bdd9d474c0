#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Tables of what attach and packet (benches/) left in FOLDER, the same as JSON there, and whether the floors held.

Usage: judge.py FOLDER BENCH... The lab counted (--counted): a nanosecond is an instruction. Differences are taken within a
round, and of those the median; in brackets stand the least and the greatest.
"""

import json
import pathlib
import statistics
import sys

BYTES = {"bulk": 8_000_000, "frames": 3_000_000}  # as in benches/packet.sh
TAPS = ["nothing", "nothing_again", "unwatched", "inline", "paused", "sync", "print", "print_kfunc", "map", "map_kfunc", "count", "count_kfunc"]
NAMES = {"nothing_again": "nothing, again", "unwatched": "hook, unwatched", "inline": "watched INLINE", "paused": "watched PAUSED",
         "sync": "watched SYNC", "print": "bpftrace: a line each", "print_kfunc": "the same, by kfunc",
         "map": "bpftrace: map", "map_kfunc": "the same, by kfunc", "count": "bpftrace: count alone", "count_kfunc": "the same, by kfunc"}
WAYS = {"tracepoint", "ftrace", "kprobe_on_ftrace", "kprobe_breakpoint"}  # a jump the kernel may refuse
# What INLINE costs a packet, of what the cheapest peer of that job costs it: less than this.
FLOORS = {"a line each": (("print", "print_kfunc"), 0.25), "map": (("map", "map_kfunc"), 0.5)}
SEEN_AT_LEAST = 0.99  # of the packets that were handed over; what is not seen costs less
IN_MODE_AT_LEAST = {"inline": 1, "paused": 0.99, "sync": 0.99}  # of the records: else the row is not what its name says
UNWATCHED_AT_MOST = 80  # instructions a packet: noise, of one round, too; nothing beside nothing has to differ by less


def read(path):
    return [line.split(maxsplit=5) for line in path.read_text().splitlines()]


def judge_attach(folder):
    ways = {}
    for name, *figures in read(folder / "attach.txt"):
        ways[name] = dict(zip(("quartile", "median", "upper_quartile"), (int(figure) / 1000 for figure in figures)))
    print("attached by          instructions a call")
    for name, figures in ways.items():
        print(f"{name:<18}  {figures['median']:>8.1f}  ({figures['quartile']:.1f} to {figures['upper_quartile']:.1f})")
    held = WAYS <= ways.keys() and all(ways["tracepoint"]["median"] < figures["median"] for name, figures in ways.items() if name != "tracepoint")
    if not held:
        print("MISSED: a tracepoint is not what costs least")
    (folder / "attach.json").write_text(json.dumps({"instructions_a_call": ways, "held": held}, indent=2) + "\n")
    return held


class Slices:
    """{(round, tap, shape): [(wall, guest, packets), ...]}"""

    def __init__(self, path):
        self.of = {}
        for number, tap, shape, *figures in read(path):
            slice_ = tuple(int(figure) for figure in " ".join(figures).split())
            self.of.setdefault((int(number), tap, shape), []).append(slice_)
        self.rounds = sorted({key[0] for key in self.of})

    def each(self, tap, shape):
        return [(number, slice_) for number in self.rounds for slice_ in self.of[number, tap, shape]]

    def base(self, number, shape, column):
        """What nothing takes in that round, both times."""
        return statistics.median(slice_[column] for tap in ("nothing", "nothing_again") for slice_ in self.of[number, tap, shape])

    def rate(self, tap, shape):
        """Megabytes a second of the emulated machine."""
        return statistics.median(BYTES[shape] * 1e3 / wall for _, (wall, _, _) in self.each(tap, shape))

    def share(self, tap, shape):
        """Of the rate with nothing."""
        return statistics.median(self.base(number, shape, 0) / wall for number, (wall, _, _) in self.each(tap, shape))

    def more(self, tap, shape):
        """What the guest runs more for a packet than with nothing."""
        return [(guest - self.base(number, shape, 1)) / packets for number, (_, guest, packets) in self.each(tap, shape)]


def all_seen(folder):
    """Whether each tap saw what it was handed, in the way that its name says; and how many records were taken in the mode asked for."""
    held, modes = True, {}
    for number, tap, handed, *rest in (line.split() for line in (folder / "seen.txt").read_text().splitlines()):
        handed, seen = int(handed), None
        if tap in IN_MODE_AT_LEAST:
            info = json.loads((folder / f"info-{tap}-{number}.json").read_text())
            seen = info["records"]
            one = modes.setdefault(tap, {"handed": 0, "records": 0, "lost": 0, "in_mode": 0, "unread": 0})
            one["handed"] += handed
            one["records"] += seen
            one["lost"] += info["lost"]
            one["unread"] += sum(sum(rule["unread"].values()) for rule in info["rules"])
            one["in_mode"] += sum(rule["modes"].get(tap.upper(), 0) for rule in info["rules"])
        elif tap.startswith("print"):
            seen = int(rest[0])
        if seen is not None and seen < SEEN_AT_LEAST * handed:
            print(f"MISSED: {tap} saw {seen} of {handed} packets: {' '.join(rest[1:])}")
            held = False
    for mode, one in modes.items():
        one["share"] = one["in_mode"] / one["records"] if one["records"] else 0
        within = one["share"] >= IN_MODE_AT_LEAST[mode]
        held &= within
        print(f"{NAMES[mode]}: {one['records']} records of {one['handed']} packets, {one['lost']} lost, {one['share']:.1%} taken in that mode,"
              f" {one['unread']} without their variable"
              f"{'' if within else '  MISSED'}")
    return held, modes


def judge_packet(folder):
    slices = Slices(folder / "packet.txt")
    figures = {}
    print(f"{'':<22}  {'bulk, MB/s':>10}  {'share':>5}  {'frames, MB/s':>12}  {'share':>5}  {'more a frame':>12}  (instructions)")
    for tap in TAPS:
        more = slices.more(tap, "frames")
        one = {
            "bulk_rate": slices.rate(tap, "bulk"), "bulk_share": slices.share(tap, "bulk"),
            "frames_rate": slices.rate(tap, "frames"), "frames_share": slices.share(tap, "frames"),
            "more_a_frame": statistics.median(more), "range": [min(more), max(more)],
            "more_a_packet_of_bulk": statistics.median(slices.more(tap, "bulk")),
        }
        figures[tap] = one
        print(f"{NAMES.get(tap, tap):<22}  {one['bulk_rate']:>10.1f}  {one['bulk_share']:>5.2f}  {one['frames_rate']:>12.1f}"
              f"  {one['frames_share']:>5.2f}  {one['more_a_frame']:>12.0f}  ({min(more):.0f} to {max(more):.0f})")
    held, modes = all_seen(folder)
    unwatched = figures["unwatched"]["more_a_frame"]
    noise = abs(figures["nothing_again"]["more_a_frame"] - figures["nothing"]["more_a_frame"])
    within = max(unwatched, noise) <= UNWATCHED_AT_MOST
    held &= within
    print(f"unwatched: {unwatched:.0f} a packet, nothing beside nothing: {noise:.0f}; at most {UNWATCHED_AT_MOST}{'' if within else '  MISSED'}")
    ratios = {}
    for job, (peers, floor) in FLOORS.items():
        cheapest = min(peers, key=lambda peer: figures[peer]["more_a_frame"])
        ratios[job] = figures["inline"]["more_a_frame"] / figures[cheapest]["more_a_frame"]
        within = 0 < ratios[job] < floor
        held &= within
        print(f"INLINE to bpftrace's {job} ({cheapest}): {ratios[job]:.3f}, less than {floor}{'' if within else '  MISSED'}")
    (folder / "packet.json").write_text(json.dumps({"taps": figures, "modes": modes, "inline_to": ratios, "held": held}, indent=2) + "\n")
    return held


JUDGES = {"attach": judge_attach, "packet": judge_packet}


def main():
    folder = pathlib.Path(sys.argv[1])
    held = True
    for bench in sys.argv[2:]:
        held &= JUDGES[bench](folder)
    return 0 if held else 1


if __name__ == "__main__":
    sys.exit(main())
