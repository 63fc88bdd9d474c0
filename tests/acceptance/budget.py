#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The paused share of time stays within the pause budget, and what was not paused for it says so."""
import os

from harness import Flood, check, end, fail, info, records, start, temporary

with temporary() as directory:
    file = os.path.join(directory, "budget.mcap")
    for budget in [1, 5]:
        with Flood(directory) as guest:
            capture = start(guest, "--on", "flood", "--mode", "paused", "--read", "state", "--pause-budget", f"{budget}%", "-o", file)
            for _ in range(2):
                guest.do("pace 15000")
            end(capture)
            fired = sum(guest.fired())
        described = info(file)
        check("records and losses", described["records"] + described["lost"], fired)
        rule = described["rules"][0]
        check("kinds of modes", set(rule["modes"]), {"PAUSED", "LIVE"})
        check("reasons", rule["fallbacks"], {"OVER_BUDGET": rule["modes"]["LIVE"]})
        elapsed = described["end_time_ns"] - described["start_time_ns"]
        # A pause may begin while the budget lasts, so one goes beyond it.
        allowed = budget / 100 * elapsed + rule["pause_ns"]["max"]
        if described["paused_ns"] > allowed:
            fail(f"paused {described['paused_ns']} ns of {elapsed} ns; {allowed:.0f} ns were allowed")
        for record in records(file):
            mode = (record["mode"], record.get("fallback"), "pause_ns" in record)
            if mode not in [("PAUSED", None, True), ("LIVE", "OVER_BUDGET", False)]:
                fail(f"a record is {mode}")
        print(f"budget {budget}%: paused {100 * described['paused_ns'] / elapsed:.2f}% of {elapsed / 1e9:.1f} s in {described['pauses']}"
              f" windows; {rule['modes']}")
