#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Usage: teeth.py VMITAP DIR: is the sawtooth in DIR/picture.mcap the one that the guest's kernel counted? Writes DIR/teeth.json.

Each entry into Recovery has a high_seq of its own, so that their number does not depend on the order of records; the guest's
own count of them stands in /proc/net/netstat. Fails if they differ by more than what the capture lost, or if it lost much."""
import collections
import csv
import io
import json
import math
import statistics
import subprocess
import sys

RECOVERY = 3  # linux/tcp.h: TCP_CA_Recovery
FALL = 0.85  # of the window before: cubic goes to 0.7 of it, Reno to 0.5
CUTS_LEAST, CUTS_SHOWN = 4, 12
LOST_AT_MOST = 0.001  # of the records: what is lost excuses what is missing, so it has to be little


def vmitap(command, *arguments):
    return subprocess.run([command, *arguments], check=True, stdout=subprocess.PIPE, text=True).stdout


def counters(path):
    with open(path, encoding="utf-8") as lines:
        return {name: int(value) for name, value in map(str.split, lines)}


def segments_by_connection(command, capture):
    fields = "time_ns,connection,sk->snd_cwnd,sk->srtt_us,sk->icsk_ca_state,sk->high_seq"
    rows = csv.reader(io.StringIO(vmitap(command, "decode", capture, "--rule", "tcp.segment", "--format", "csv", "--fields", fields)))
    next(rows)
    connections = collections.defaultdict(list)
    for time, connection, *values in rows:
        if all(values):
            connections[connection].append((int(time), *map(int, values)))
    return {name: sorted(each) for name, each in connections.items()}


def teeth(segments):
    """Of one connection: each Recovery's window before it and behind it."""
    found, before, entry = [], segments[0][1], None
    for _, window, _, state, sequence in segments:
        if state == RECOVERY:
            if entry is None or entry[1] != sequence:
                if entry is not None:
                    found.append((entry[0], window))
                entry = (before, sequence)
        elif entry is not None:
            found.append((entry[0], window))
            entry = None
        before = window
    return found


def of_connection(name, segments):
    falls = [after / before for before, after in teeth(segments)]
    windows = [window for _, window, *_ in segments]
    return {
        "connection": name,
        "congestion": "cubic" if ":5001" in name else "Reno",
        "segments": len(segments),
        "seconds": (segments[-1][0] - segments[0][0]) / 1e9,
        "recoveries": len(cut_times(segments)),
        "fell": sum(fall <= FALL for fall in falls),
        "fall": statistics.median(falls) if falls else None,
        "least": min(windows),
        "median": statistics.median(windows),
        "most": max(windows),
        "round_trip_ms": statistics.median(srtt for _, _, srtt, *_ in segments) / 8000,
    }


def cut_times(segments):
    """When each Recovery is first seen."""
    times = {}
    for time, _, _, state, sequence in segments:
        if state == RECOVERY:
            times.setdefault(sequence, time)
    return list(times.values())


def shown(connections):
    """What the picture shows, as seconds behind the first record and a length in seconds: from where each window has been cut once,
    until one has been cut a dozen times more, or a connection ends."""
    cuts = [cut_times(segments) for segments in connections]
    first = min(segments[0][0] for segments in connections)
    begin = max(each[0] for each in cuts)
    more = [[time for time in each if time > begin] for each in cuts]
    end = min([each[CUTS_SHOWN - 1] for each in more if len(each) >= CUTS_SHOWN] + [segments[-1][0] for segments in connections])
    begin = math.ceil((begin - first) / 1e7) / 100  # rounded down, it would show what was before the cut
    return begin, max(math.floor((end - first) / 1e7) / 100 - begin, 0)


def problems(result):
    """Where the capture and the kernel's own count disagree. What was read late is told, and excuses nothing."""
    found = []
    if len(result["connections"]) != 2:
        found.append(f"{len(result['connections'])} connections were captured, not 2")
    for each in result["connections"]:
        if each["recoveries"] < CUTS_LEAST:
            found.append(f"only {each['recoveries']} times was the window of {each['connection']} cut: that is no sawtooth")
    if result["lost"] > LOST_AT_MOST * result["records"]:
        found.append(f"{result['lost']} records were lost, beside {result['records']} that were captured: more than {LOST_AT_MOST:.1%}")
    if abs(result["recoveries"] - result["recoveries_counted"]) > result["lost"]:
        found.append(f"{result['recoveries']} recoveries were captured, the guest counted {result['recoveries_counted']}; "
                     f"{result['lost']} records were lost, {result['late']} read too late")
    if abs(result["retransmits"] - result["retransmits_counted"]) > result["lost"]:
        found.append(f"{result['retransmits']} retransmits were captured, the guest counted {result['retransmits_counted']}; "
                     f"{result['lost']} records were lost")
    if result["fell"] + result["undone"] < 0.9 * result["recoveries"]:
        found.append(f"of {result['recoveries']} recoveries only {result['fell']} made the window fall")
    return found


def main(command, directory):
    capture = f"{directory}/picture.mcap"
    info = json.loads(vmitap(command, "info", capture, "--json"))
    lost = info["lost"]
    # Read LIVE, as their segment had stopped waiting: what they show may be a later moment's.
    late = sum(count for rule in info["rules"] for count in rule["fallbacks"].values())
    before, after = counters(f"{directory}/picture.before"), counters(f"{directory}/picture.after")
    counted = {name: after[name] - before[name] for name in after}
    segments = segments_by_connection(command, capture)
    connections = [of_connection(*each) for each in segments.items()]
    sawtooth = bool(connections) and all(each["recoveries"] >= CUTS_LEAST for each in connections)
    begin, span = shown(list(segments.values())) if sawtooth else (0, 0)
    retransmits = vmitap(command, "decode", capture, "--rule", "tcp.retransmit", "--format", "csv", "--fields", "time_ns").count("\n") - 1
    result = {
        "connections": sorted(connections, key=lambda each: each["congestion"], reverse=True),
        "shown_from": begin,
        "shown_seconds": round(span, 2),
        "records": info["records"],
        "lost": lost,
        "late": late,
        "recoveries": sum(each["recoveries"] for each in connections),
        "recoveries_counted": counted["TCPSackRecovery"] + counted["TCPRenoRecovery"],
        "fell": sum(each["fell"] for each in connections),
        "retransmits": retransmits,
        "retransmits_counted": counted["RetransSegs"],
        "timeouts_counted": counted["TCPTimeouts"],
        "undone": counted["TCPFullUndo"] + counted["TCPDSACKUndo"],
    }
    with open(f"{directory}/teeth.json", "w", encoding="utf-8") as out:
        json.dump(result, out, indent=2)
    print(json.dumps(result, indent=2))
    found = problems(result)
    for problem in found:
        print(f"evaluate: {problem}", file=sys.stderr)
    return 1 if found else 0


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    sys.exit(main(*sys.argv[1:]))
