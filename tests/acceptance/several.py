#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Several guests in one capture; one exits, one is killed in mid-fire, and the others lose nothing."""
import os
import threading
import time

from harness import Flood, check, end, fail, info, records, start, temporary

rounds, fires, threads = 8, 500, 2

with temporary() as directory:
    file = os.path.join(directory, "several.mcap")
    with Flood(directory, threads) as leaves, Flood(directory, 4) as dies, Flood(directory, threads) as stays, \
            Flood(directory, threads) as alone:
        guests = [leaves, dies, stays]
        capture = start(guests, "--on", "flood", "--mode", "sync", "--sync-timeout", "20s", "--read", "state", "-o", file)
        beside = start(alone, "--on", "flood", "--mode", "sync", "--sync-timeout", "20s", "-o", file + ".alone")
        dies.tell("flood 100000000")
        workers = [threading.Thread(target=lambda g=g: [g.do(f"pace {fires}") for _ in range(rounds)])
                   for g in [stays, alone]]
        for worker in workers:
            worker.start()
        leaves.do(f"pace {fires}")
        leaves.tell("exit 7")
        time.sleep(0.3)
        dies.process.kill()
        for worker in workers:
            worker.join()
        if capture.poll() is not None:
            fail("the capture ended with its first guest")
        said = end(capture)
        if f"guest {leaves.name} exited with status 7" not in said or "goes on with 1 guest" not in said:
            fail(f"the capture does not say who left: {said}")
        end(beside)
        fired = {guest.name: sum(guest.fired()) for guest in [*guests, alone]}
        killed_in = dies.threads
    described = info(file)
    check("the guests", [guest["name"] for guest in described["guests"]], [guest.name for guest in guests])
    check("who ended", [(end["guest"], end["how"]) for end in described["guests_ended"]],
          [(leaves.name, "exited with status 7"), (dies.name, "killed by signal 9 (Killed)")])
    seen = dict.fromkeys(fired, 0)
    for record in records(file):
        seen[record["guest"]] += 1
        if record["guest"] != dies.name and (record["mode"] != "SYNC" or record["values"]["state"]["name"] != "flood"):
            fail(f"{record['guest']}: {record}")
    lost = {}
    for loss in described["losses"]:
        lost[loss["guest"]] = lost.get(loss["guest"], 0) + loss["count"]
    for guest in [leaves, stays]:
        check(f"records of {guest.name}", seen[guest.name], fired[guest.name])
    check("whose losses there are", set(lost) - {dies.name}, set())
    # A thread may have counted and not yet begun its record.
    kept = seen[dies.name] + lost.get(dies.name, 0)
    if not fired[dies.name] - killed_in <= kept <= fired[dies.name]:
        fail(f"the killed guest fired {fired[dies.name]} times; {kept} are told")
    check("the capture beside", (info(file + ".alone")["records"], info(file + ".alone")["lost"]), (fired[alone.name], 0))
    print(f"of {len(guests)} guests one exited and one was killed after {fired[dies.name]} fires ({lost}); the others'"
          f" {seen[stays.name]} and, in a capture beside, {fired[alone.name]} fires are all there")
