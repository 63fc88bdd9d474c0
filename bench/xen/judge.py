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
TAPS = ["nothing", "nothing_again", "unwatched", "inline", "paused", "sync", "print", "map", "count"]
NAMES = {"nothing_again": "nothing, again", "unwatched": "hook, unwatched", "inline": "watched INLINE", "paused": "watched PAUSED",
         "sync": "watched SYNC", "print": "bpftrace: a line each", "map": "bpftrace: map", "count": "bpftrace: count alone"}
WAYS = {"tracepoint", "ftrace", "kprobe_on_ftrace", "kprobe_breakpoint"}  # a jump the kernel may refuse
# What INLINE costs a packet, of what the peer costs it: less than this.
FLOORS = {"print": 0.25, "map": 0.5}
SEEN_AT_LEAST = 0.99  # of the packets that were handed over; what is not seen costs less


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
        """What nothing takes in that round."""
        return statistics.median(slice_[column] for slice_ in self.of[number, "nothing", shape])

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
    held = True
    for _, tap, count, *rest in (line.split() for line in (folder / "seen.txt").read_text().splitlines()):
        if tap in ("inline", "print") and int(count) < SEEN_AT_LEAST * int(rest[-1]):
            print(f"MISSED: {NAMES[tap]} saw {count} of {rest[-1]} packets: {' '.join(rest[:-1])}")
            held = False
    return held


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
    held = all_seen(folder)
    noise = max(abs(difference) for difference in slices.more("nothing_again", "frames") + slices.more("nothing", "frames"))
    unwatched = figures["unwatched"]["more_a_frame"]
    print(f"unwatched: {unwatched:.0f} a packet; nothing beside nothing: up to {noise:.0f}")
    if unwatched > noise:
        print("MISSED: the hook costs something while nobody watches")
        held = False
    ratios = {}
    for peer, floor in FLOORS.items():
        ratios[peer] = figures["inline"]["more_a_frame"] / figures[peer]["more_a_frame"]
        within = 0 < ratios[peer] < floor
        held &= within
        print(f"INLINE to {NAMES[peer]}: {ratios[peer]:.3f}, less than {floor}{'' if within else '  MISSED'}")
    (folder / "packet.json").write_text(
        json.dumps({"taps": figures, "noise": noise, "inline_to": ratios, "held": held}, indent=2) + "\n")
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
