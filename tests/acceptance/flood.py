#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Threads fire as fast as they can: fires, as the guest counted them, are records and losses, exactly."""
import os

from harness import Flood, check, end, fail, info, records, start, temporary

fires = 300000


def lost(described):
    return {loss["reason"]: loss["count"] for loss in described["losses"]}


with temporary() as directory:
    file = os.path.join(directory, "flood.mcap")

    def flood(threads, count, *arguments, rounds=1, how="flood"):
        with Flood(directory, threads) as guest:
            capture = start(guest, "--on", "flood", *arguments, "-o", file)
            for _ in range(rounds):
                guest.do(f"{how} {count}")
            end(capture)
            fired = guest.fired()
        described = info(file)
        check("fires", fired, [count * rounds] * threads)
        check(f"{arguments}: records and losses", described["records"] + described["lost"], sum(fired))
        check("the summary's records", described["complete"], True)
        print(f"{' '.join(arguments)}: {sum(fired)} fires of {threads} threads in a {how} are {described['records']} records"
              f" and {described['lost']} losses {lost(described)}")
        return described

    flood(4, fires, "--mode", "inline", "--read", "state")
    # Each thread's records are in order, none twice; what is missing before one stands in it.
    before = {}
    for record in records(file):
        thread, n = record["args"]["self"], record["args"]["++counts[self]"]
        if n - before.get(thread, 0) - 1 != record.get("lost_before", 0):
            fail(f"thread {thread}: fire {n} follows {before.get(thread, 0)}, lost before it: {record.get('lost_before', 0)}")
        before[thread] = n

    described = flood(4, fires, "--mode", "paused", "--read", "state", "--pause-budget", "0.1%")
    modes = described["rules"][0]["modes"]
    if not modes.get("LIVE") or modes.get("LIVE") != described["over_budget"]:
        fail(f"of {modes}, {described['over_budget']} are over budget")
    flood(4, fires, "--mode", "live", "--read", "state", rounds=2)

    for mode in ["sync", "paused", "live", "inline"]:
        flood(4, 30000, "--mode", mode, "--read", "state", "--sync-timeout", "5ms", how="burst")

    described = flood(100, 500, "--mode", "inline")  # more threads than rings
    if not lost(described).get("NO_RING"):
        fail("a hundred threads found a ring each")
