#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Rules on one trigger that ask for different samples each get their own: every second, every third, all."""
import os

from harness import Flood, check, end, info, records, start, temporary

fires, wanted = 600, {"second": (2, "sync"), "third": (3, "inline"), "sixth": (6, "live"), "ninth": (9, "inline")}

with temporary() as directory:
    file, rules = os.path.join(directory, "samples.mcap"), os.path.join(directory, "rules.toml")
    for names in [["third"], ["second", "third"], ["third", "sixth", "ninth"], list(wanted)]:
        with open(rules, "w") as out:
            out.write('sync_timeout = "20s"\n')
            for name in names:
                sample, mode = wanted[name]
                out.write(f'[[rule]]\nname = "{name}"\non = "flood"\nsample = {sample}\nmode = "{mode}"\nread = "state.threads"\n')
        with Flood(directory, 1) as guest:
            capture = start(guest, "--rule", rules, "-o", file)
            guest.do(f"pace {fires}")
            end(capture)
        check("losses", info(file)["lost"], 0)
        seen = {name: [] for name in names}
        for record in records(file):
            check(f"{record['rule']}: mode and value", (record["mode"].lower(), record["values"]), (wanted[record["rule"]][1], {"state.threads": 1}))
            seen[record["rule"]].append(record["args"]["++counts[self]"])
        for name in names:
            check(f"{name} of {names}", seen[name], list(range(1, fires + 1, wanted[name][0])))
        print({name: len(numbers) for name, numbers in seen.items()}, f"of {fires} fires")
